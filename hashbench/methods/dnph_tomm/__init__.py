"""DNPH: a softmax over class proxies with a margin, and codes drawn to scattered sign vectors."""

from hashbench.methods.dnph_tomm.presets import PAPER_PRESET
from hashbench.methods.frozen_params import DROPOUT, training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="dnph-tomm",
    title="DNPH",
    summary="A softmax over class proxies, and codes that spread over random sign vectors by an "
    "optimal assignment; frozen features, heads alone are trained.",
    paper="Huo et al., Deep neighborhood-aware proxy hashing with uniform distribution constraint, "
    "TOMM 2024",
    year=2024,
    entry="hashbench.methods.dnph_tomm.method:Dnph",
    paper_preset=PAPER_PRESET,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=30, batch_size=128, lr=1e-3, weight_decay=0.2),
        DROPOUT,
        Param("margin", 1.0, "added to the distance to an item's own proxies", low=0.0, high=100.0),
        Param("uniformity", 0.1, "weight of the uniform distribution", low=0.0, high=1e4),
        Param(
            "proxies",
            "trained",
            "proxies are trained, or stay as they are drawn (fixed), as in the release, whose "
            "optimiser of proxies never takes a step",
            choices=("trained", "fixed"),
        ),
        Param("proxy_lr", 1e-4, "learning rate of trained proxies, by SGD", low=0.0, high=10.0),
    ),
    ablations=(
        Ablation("released", "proxies stay as they are drawn", {"proxies": "fixed"}),
        Ablation("no-uniformity", "no uniform distribution", {"uniformity": 0.0}),
        Ablation("no-margin", "no margin", {"margin": 0.0}),
    ),
)
