"""MIRFlickr-25K from its official archives, in the two selections that the field evaluates on."""

from hashbench.plan.card import DatasetCard, Param, SplitSizes

_FIELD = SplitSizes(query=2000, train=10000)

CARD = DatasetCard(
    name="mirflickr25k",
    title="MIRFlickr-25K",
    summary="Flickr photographs with their tags and 24 classes; 24,581 or 20,015 of them",
    entry="hashbench.datasets.mirflickr25k.dataset:load",
    sizes={"mirflickr25k": _FIELD, "mirflickr25k-20015": _FIELD},
    params=(
        Param(
            "frequent_tags",
            0,
            "0: every item with a label, with all its tags; otherwise the tags are cut to this"
            " many most frequent ones, and items without any of them are left out",
            low=0,
        ),
    ),
    presets={"mirflickr25k-20015": {"frequent_tags": 1386}},
    layout=(
        "<data-dir>/mirflickr25k/, <data-dir>/mirflickr/ or <data-dir> itself, with im1.jpg ..."
        " im25000.jpg, meta/tags/tags1.txt ... and annotations/*.txt (the second archive,"
        " mirflickr25k_annotations_v080; its *_r1.txt files are not used)"
    ),
)
