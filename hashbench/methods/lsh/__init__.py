"""Sign random projection: the training-free floor under every table."""

from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="lsh",
    title="LSH",
    summary="Sign of a random projection of centred CLIP features; nothing is trained.",
    paper="Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002",
    year=2002,
    entry="hashbench.methods.lsh.method:Lsh",
    supervised=False,
    params=(
        Param(
            "centre",
            default=True,
            help="subtract each modality's mean over the training items, which closes the gap "
            "between image and text features",
        ),
    ),
    ablations=(
        Ablation("no-centring", "leave the modality gap in the features", {"centre": False}),
    ),
)
