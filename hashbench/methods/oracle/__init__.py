"""Codes of the true labels: the upper end of every figure, and a leak by design."""

from hashbench.plan.card import MethodCard

CARD = MethodCard(
    name="oracle",
    title="Label oracle",
    summary="Codes made from the true labels of queries and database: no method but the upper end "
    "of every figure, under --protocol published only.",
    paper="no paper: a control",
    year=2026,
    entry="hashbench.methods.oracle.method:Oracle",
    published_leaks=True,
    published_only=True,
)
