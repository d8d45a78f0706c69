"""The field's packaged files: captions, image index and labels, in every flavour in use."""

from hashbench.plan.card import DatasetCard, Param, SplitSizes

_FIELD = SplitSizes(query=2000, train=10000)

CARD = DatasetCard(
    name="packaged",
    title="Packaged files",
    summary="caption.mat, index.mat and label.mat, or the text lists they are made from",
    entry="hashbench.datasets.packaged.dataset:load",
    sizes={"packaged": _FIELD, "packaged-partial": _FIELD},
    params=(
        Param(
            "missing",
            "stop",
            "what happens to items of the index without a picture: stop before loading, leave them"
            " out, or keep them until one is read",
            ("stop", "leave out", "keep"),
        ),
    ),
    presets={"packaged-partial": {"missing": "leave out"}},
    layout=(
        "<data-dir>/packaged/ or <data-dir> itself, with caption.mat or caption.txt, index.mat or"
        " index.npy, and label.mat (or all_tags.txt, all_imgs.txt, all_labels.txt), the pictures"
        " in images/, and the names of the label columns, one a line, in classes.txt"
    ),
)
