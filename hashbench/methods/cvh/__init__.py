"""CVH: signs of canonical correlation directions, a floor without training."""

from hashbench.methods.frozen_params import COVARIANCE_RIDGE
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="cvh",
    title="CVH",
    summary="Signs of the directions in which images and texts correlate most (CCA), on frozen "
    "features; nothing is trained.",
    paper="Kumar and Udupa, Learning hash functions for cross-view similarity search, IJCAI 2011",
    year=2011,
    entry="hashbench.methods.cvh.method:Cvh",
    supervised=False,
    params=(
        COVARIANCE_RIDGE,
        Param(
            "solver",
            "cca",
            "canonical correlations of centred features (cca), or what widely copied code solves: "
            "without the inverse of the texts' covariance, not centred (released)",
            choices=("cca", "released"),
        ),
    ),
    ablations=(
        Ablation("released", "the eigenproblem of widely copied code", {"solver": "released"}),
    ),
)
