"""Random codes: the lower end of every figure."""

from hashbench.plan.card import MethodCard

CARD = MethodCard(
    name="random",
    title="Random codes",
    summary="Bits that an item's features only seed, so that they say nothing about it: the lower "
    "end of every figure.",
    paper="no paper: a control",
    year=2026,
    entry="hashbench.methods.random_codes.method:RandomCodes",
    supervised=False,
)
