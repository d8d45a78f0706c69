"""MIRFlickr-25K from its official archives, in the two selections that the field evaluates on."""

from hashbench.datasets.mirflickr25k.reference_counts import (
    COUNTS,
    FREQUENT_ITEMS,
    FREQUENT_TAGS,
    ITEMS,
    WITHIN,
)
from hashbench.plan.card import DatasetCard, Param, Part, ReferenceLabels, ReleasedSplit, SplitSizes

_FIELD = SplitSizes(query=2000, train=10000)

# the archive unpacks into mirflickr/; ".." is for annotations next to that folder
_FOLDERS = ("", "mirflickr/", "mirflickr25k/", "images/", "data/")
_AROUND = (*_FOLDERS, "../")
_ANNOTATIONS = ("annotations", "mirflickr25k_annotations_v080", "annotations_v080")

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
    presets={"mirflickr25k-20015": {"frequent_tags": FREQUENT_TAGS}},
    layout=(
        "<data-dir>/mirflickr25k/, <data-dir>/mirflickr/ or <data-dir> itself, with im1.jpg ..."
        " im25000.jpg, meta/tags/tags1.txt ... and annotations/*.txt (the second archive,"
        " mirflickr25k_annotations_v080; its *_r1.txt files are not used)"
    ),
    splits=(
        ReleasedSplit("prompthash", _FIELD, in_text_order=("mirflickr25k",)),
        ReleasedSplit("pghmh", _FIELD, in_text_order=("mirflickr25k",)),
        ReleasedSplit("dcmht", SplitSizes(5120, 10240), in_text_order=("mirflickr25k",)),
        ReleasedSplit("dsph", SplitSizes(5000, 10000), in_text_order=("mirflickr25k",)),
        ReleasedSplit("mith", _FIELD),
        ReleasedSplit("pcril", SplitSizes(2000, 18015), presets=("mirflickr25k-20015",)),
    ),
    published_items={
        "mirflickr25k": {ITEMS: "the items with one of the 24 labels"},
        "mirflickr25k-20015": {FREQUENT_ITEMS: "the items with a label and a frequent tag"},
    },
    reference_labels=tuple(
        ReferenceLabels(
            f"MIRFlickr-25K, {items:,} items",
            items,
            {name: counts[which] for name, counts in COUNTS.items()},
            WITHIN,
        )
        for which, items in enumerate((ITEMS, FREQUENT_ITEMS))
    ),
    without_empty_captions={"mirflickr25k": "mirflickr25k-20015"},
    folders=("mirflickr25k", "mirflickr", ""),
    parts=(
        Part("tags", (*(f"{folder}meta/tags" for folder in _AROUND), "tags")),
        Part(
            "annotations",
            tuple(f"{folder}{name}/animals.txt" for folder in _AROUND for name in _ANNOTATIONS),
        ),
    ),
    pictures=(Part("pictures", tuple(f"{folder}im*.jpg" for folder in _FOLDERS)),),
    remedy=(
        "unpack mirflickr25k.zip, and mirflickr25k_annotations_v080.zip into annotations/ next to"
        " the pictures"
    ),
)
