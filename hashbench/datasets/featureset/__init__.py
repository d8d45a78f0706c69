"""Sets of precomputed features: image and text features and labels in one .mat or .npz file."""

from hashbench.plan.card import DatasetCard, Param, Part, SplitSizes

SUFFIXES = (".mat", ".npz", ".h5", ".hdf5")

_SIZES = SplitSizes(query=500, train=2000)

CARD = DatasetCard(
    name="featureset",
    title="Feature set",
    summary="precomputed image and text features in a .mat or .npz file, such as wikiData.mat",
    entry="hashbench.datasets.featureset.dataset:load",
    features_only=True,
    sizes={"featureset": _SIZES, "wikipedia": _SIZES},
    params=(
        Param("file", "", "the file in the folder; empty is the only .mat, .npz or .h5 in it"),
    ),
    presets={"wikipedia": {"file": "wikiData.mat"}},
    layout=(
        "<data-dir>/featureset/ (or <data-dir>/wikipedia/) or <data-dir> itself, with a file of"
        " I_tr, T_tr, L_tr and I_te, T_te, L_te (or I, T, L; or images, texts, labels), and the"
        " names of the classes, one a line, in classes.txt"
    ),
    folders=("featureset", "wikipedia", ""),
    parts=(
        Part("a file of features", tuple(f"*{suffix}" for suffix in SUFFIXES), {"file": ""}),
        Part("a file of features", ("wikiData.mat",), {"file": "wikiData.mat"}),
    ),
    remedy="put the file into featureset/ below the data folder, or point --data-dir to its folder",
)
