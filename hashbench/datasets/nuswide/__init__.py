"""NUS-WIDE from its official files: the 21 or 10 most frequent of its 81 concepts."""

from hashbench.plan.card import DatasetCard, Param, Part, ReleasedSplit, SplitSizes

_FIELD = SplitSizes(query=2100, train=10500)

PICTURE_FOLDERS = ("Flickr", "images", "Images", "image")
TAG_FOLDERS = ("NUS_WID_Tags", "Tags", "")


def _tags(file: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{file}".lstrip("/") for folder in TAG_FOLDERS)


CARD = DatasetCard(
    name="nuswide",
    title="NUS-WIDE",
    summary="Flickr photographs with their tags and the 21 (or 10) most frequent concepts",
    entry="hashbench.datasets.nuswide.dataset:load",
    sizes=dict.fromkeys(("nuswide", "nuswide-10", "nuswide-tags1k", "nuswide-10-tags1k"), _FIELD),
    params=(
        Param("concepts", 21, "how many of the most frequent concepts are classes", (10, 21)),
        Param(
            "tags",
            "all",
            "all: captions are all tags of a photograph; 1k: those of the 1,000 in TagList1k.txt,"
            " and items without any of them are left out",
            ("all", "1k"),
        ),
    ),
    presets={
        "nuswide-10": {"concepts": 10},
        "nuswide-tags1k": {"tags": "1k"},
        "nuswide-10-tags1k": {"concepts": 10, "tags": "1k"},
    },
    layout=(
        "<data-dir>/nuswide/, <data-dir>/NUS-WIDE/ or <data-dir> itself, with"
        " ImageList/Imagelist.txt, Groundtruth/AllLabels/Labels_*.txt, NUS_WID_Tags/All_Tags.txt"
        " (for tags1k AllTags1k.txt and TagList1k.txt) and the pictures in Flickr/<concept>/ or in"
        " images/"
    ),
    splits=(
        ReleasedSplit("prompthash", _FIELD),
        ReleasedSplit("pghmh", SplitSizes(2000, 10000)),
        ReleasedSplit("dcmht", SplitSizes(5120, 10240)),
        ReleasedSplit("dsph", SplitSizes(5000, 10000)),
        ReleasedSplit("mith", _FIELD),
    ),
    published_items={
        "nuswide": {195_834: "the items with one of the 21 concepts"},
        "nuswide-tags1k": {190_421: "the items with one of the 21 concepts and of the 1,000 tags"},
    },
    without_empty_captions={"nuswide": "nuswide-tags1k", "nuswide-10": "nuswide-10-tags1k"},
    folders=("nuswide", "NUS-WIDE", "nus-wide", ""),
    parts=(
        Part("concept labels", ("Groundtruth/AllLabels/Labels_*.txt",)),
        Part("image list", ("ImageList/Imagelist.txt", "Imagelist.txt")),
        Part("tags", _tags("All_Tags.txt"), {"tags": "all"}),
        Part("matrix of frequent tags", _tags("AllTags1k.txt"), {"tags": "1k"}),
        Part("list of frequent tags", _tags("TagList1k.txt"), {"tags": "1k"}),
    ),
    pictures=(Part("pictures", tuple(f"{folder}/*" for folder in PICTURE_FOLDERS)),),
    remedy=(
        "unpack ImageList.zip, Groundtruth.zip and NUS_WID_Tags.zip of NUS-WIDE into one folder,"
        " with the pictures in Flickr/"
    ),
)
