"""Picturebook: scenes drawn by our own code, with MIRFlickr's 24 classes and tags for captions."""

from hashbench.plan.card import DatasetCard, Param, SplitSizes

LARGEST_DATASET_SEED = 999_999
"""Of the scenes a dataset may show; the backbone is pre-trained on scenes of larger seeds."""

CARD = DatasetCard(
    name="picturebook",
    title="Picturebook",
    summary="drawn scenes with MIRFlickr's 24 classes and Flickr-like tags; needs no download",
    entry="hashbench.datasets.picturebook.dataset:load",
    sizes={
        "picturebook": SplitSizes(query=500, train=2000),
        "picturebook-tiny": SplitSizes(query=60, train=200),
    },
    params=(
        Param("items", 5000, "number of scenes", low=50, high=1_000_000),
        Param("world", 1, "seed of the scenes", low=0, high=LARGEST_DATASET_SEED),
    ),
    presets={"picturebook-tiny": {"items": 460}},
    builtin=True,
)
