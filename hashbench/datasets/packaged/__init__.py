"""The field's packaged files: captions, image index and labels, in every flavour in use."""

from hashbench.plan.card import DatasetCard, Param, Part, ReleasedSplit, SplitSizes

_FIELD = SplitSizes(query=2000, train=10000)

FILES = {
    "captions": ("caption.mat", "caption.txt", "tagList.mat", "all_tags.txt", "all_txts.txt"),
    "index": ("index.mat", "index.npy", "imgList.mat", "all_imgs.txt"),
    "labels": ("label.mat", "labelList.mat", "all_labels.txt"),
}
PICTURE_FOLDERS = (
    "images", "mirflickr", "Flickr", "image", "train2017", "val2017", "train2014", "val2014",
)  # fmt: skip
"""Folders in which the pictures are looked for; without any, next to the files."""

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
    # the files may hold any dataset, so every release may have drawn over them
    splits=tuple(
        ReleasedSplit(name)
        for name in ("prompthash", "pghmh", "dcmht", "dsph", "mith", "pcril", "torchcmh")
    ),
    published_items={
        "packaged": {
            24_581: "MIRFlickr-25K of DCMHT, PromptHash and PGHMH",
            20_015: "MIRFlickr-25K of DCMH, MITH and PCRIL",
            122_218: "COCO",
            190_421: "NUS-WIDE of MITH",
            192_779: "NUS-WIDE of PGHMH",
            195_834: "all of NUS-WIDE with one of the 21 concepts",
        }
    },
    unnamed_columns=True,
    examined_with={"missing": "keep"},
    folders=("packaged", ""),
    parts=tuple(Part(what, files) for what, files in FILES.items()),
    pictures=(
        Part(
            "pictures",
            (
                *(f"{folder}/*" for folder in PICTURE_FOLDERS),
                "*.jpg",
                "*.png",
                "*/*.jpg",
                "*/*.png",
            ),
        ),
    ),
    remedy="put caption.mat, index.mat and label.mat (or the text lists) into one folder, with the"
    " pictures in images/",
)
