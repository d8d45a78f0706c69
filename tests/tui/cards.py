"""A catalogue that no new method or dataset changes."""

from hashbench.plan.card import Ablation, DatasetCard, MethodCard, Param, Part, SplitSizes

ALPHA = MethodCard(
    name="alpha",
    title="Alpha",
    summary="A method for tests.",
    paper="Nobody, 2024",
    year=2024,
    entry="nowhere:Alpha",
    params=(
        Param("epochs", 10, "epochs of the only stage", low=1, high=100),
        Param("rate", 0.1, "how fast", low=0.0, high=1.0),
        Param("way", "left", "which way", choices=("left", "right")),
        Param("brave", default=False, help="go on whatever happens"),
    ),
    ablations=(Ablation("no-rate", "stand still", {"rate": 0.0}),),
    epoch_params=("epochs",),
)
BETA = MethodCard(
    name="beta", title="Beta", summary="Another.", paper="Somebody, 2020", year=2020,
    entry="nowhere:Beta", params=(Param("rate", 0.5, "how fast", low=0.0),), joint_bits=True,
)  # fmt: skip
SMALL = DatasetCard(
    name="small", title="Small", summary="made up", entry="nowhere:load", builtin=True,
    sizes={"small": SplitSizes(10, 20)},
)  # fmt: skip
LARGE = DatasetCard(
    name="large", title="Large", summary="made up, too", entry="nowhere:load",
    layout="<data-dir>/large/", sizes={"large": SplitSizes(100, 200)}, folders=("large",),
    parts=(Part("its table", ("table.csv",)),), remedy="download it",
)  # fmt: skip
