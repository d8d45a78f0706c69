"""MS-COCO as COCO ships it: captions, instance annotations and image folders, of any year."""

from hashbench.plan.card import DatasetCard, Param, Part, ReleasedSplit, SplitSizes

_FIELD = SplitSizes(query=5000, train=10000)

CARD = DatasetCard(
    name="coco",
    title="MS-COCO",
    summary="photographs with five captions each and 80 object classes",
    entry="hashbench.datasets.coco.dataset:load",
    sizes={"coco": _FIELD, "coco-2014": _FIELD, "coco-2017": _FIELD},
    params=(
        Param(
            "year",
            "",
            "which annotation files are read: those of this year; empty is the only year present",
            choices=("", "2014", "2017"),
        ),
    ),
    presets={"coco-2014": {"year": "2014"}, "coco-2017": {"year": "2017"}},
    layout=(
        "<data-dir>/coco/ or <data-dir> itself, with annotations/captions_*.json,"
        " annotations/instances_*.json and the image folders train2017/, val2017/ (or of 2014)"
        " next to annotations/; training and validation files together give the field's"
        " 122,218 items"
    ),
    splits=(
        *(ReleasedSplit(name, _FIELD) for name in ("prompthash", "pghmh", "dsph", "mith")),
        ReleasedSplit("dcmht", SplitSizes(5120, 10240)),
    ),
    published_items={
        "coco": {122_218: "the labelled images of both training and validation set"},
    },
    folders=("coco", ""),
    parts=tuple(
        Part(what, (f"annotations/{file}_*{year}.json",), {"year": year})
        for year in ("", "2014", "2017")
        for what, file in (("captions", "captions"), ("object labels", "instances"))
    ),
    pictures=(
        Part(
            "pictures",
            ("*/*.jpg", "*/*.png", "images/*/*.jpg", "images/*/*.png"),
            {"year": ""},
        ),
        *(
            Part("pictures", (f"*{year}/*.*", f"images/*{year}/*.*"), {"year": year})
            for year in ("2014", "2017")
        ),
    ),
    remedy=(
        "unpack COCO's annotations archive and image archives into one folder, or point"
        " --data-dir to the folder that holds annotations/"
    ),
)
