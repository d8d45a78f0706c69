"""IAPR TC-12 from its official archives, with the labels of the SAIAPR segmentation."""

from hashbench.plan.card import DatasetCard, Part, ReleasedSplit, SplitSizes

LABEL_FOLDERS = ("saiaprtc12ok", "saiapr_tc-12", "saiaprtc12", "benchmark")
WORD_LISTS = tuple(
    f"{folder}/{name}".lstrip("/")
    for folder in ("", *LABEL_FOLDERS, "saiaprtc12ok/benchmark")
    for name in ("wlist.txt", "classes.txt")
)

CARD = DatasetCard(
    name="iaprtc12",
    title="IAPR TC-12",
    summary="travel photographs with descriptions, labelled by the segmentation's words",
    entry="hashbench.datasets.iaprtc12.dataset:load",
    sizes={"iaprtc12": SplitSizes(query=2000, train=10000)},
    layout=(
        "<data-dir>/iaprtc12/ or <data-dir> itself, with images/00/25.jpg,"
        " annotations_complete_eng/00/25.eng and, of SAIAPR TC-12, the labels.txt of every folder"
        " (under saiaprtc12ok/ or saiapr_tc-12/) and the list of words, wlist.txt: a number and a"
        " name on each line. Classes are the words of that list that occur, in its order"
    ),
    splits=tuple(ReleasedSplit(name) for name in ("prompthash", "pghmh", "mith", "torchcmh")),
    published_items={
        "iaprtc12": {20_000: "all photographs", 19_999: "all but one photograph"},
    },
    folders=("iaprtc12", "iapr-tc12", "IAPR-TC-12", ""),
    parts=(
        Part("descriptions", ("annotations_complete_eng",)),
        Part("labelled segments", LABEL_FOLDERS),
        Part("list of words", WORD_LISTS, sign=False),
    ),
    pictures=(Part("pictures", ("images/*",)),),
    remedy=(
        "unpack iaprtc12.tgz and saiaprtc12ok.tgz into one folder, and put the segmentation's list"
        " of words into it as wlist.txt"
    ),
)
