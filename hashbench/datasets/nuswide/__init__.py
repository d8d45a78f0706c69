"""NUS-WIDE from its official files: the 21 or 10 most frequent of its 81 concepts."""

from hashbench.plan.card import DatasetCard, Param, SplitSizes

_FIELD = SplitSizes(query=2100, train=10500)

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
)
