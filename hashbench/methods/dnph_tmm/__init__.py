"""DNpH: mutual information of codes and similarity, by squares of cosines."""

from hashbench.methods.dnph_tmm.presets import PAPER_PRESET
from hashbench.methods.frozen_params import DROPOUT, training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="dnph-tmm",
    title="DNpH",
    summary="Cosines of similar pairs are drawn to 1 and all are kept small (quadratic mutual "
    "information); frozen features, heads alone are trained.",
    paper="Qin et al., Deep neighborhood-preserving hashing with quadratic spherical mutual "
    "information for cross-modal retrieval, TMM 2024",
    year=2024,
    entry="hashbench.methods.dnph_tmm.method:Dnph",
    paper_preset=PAPER_PRESET,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=30, batch_size=128, lr=1e-3, weight_decay=0.2),
        DROPOUT,
        Param(
            "reduction",
            "mean",
            "over the pairs of a batch: their mean, or their sum as released, with which learning "
            "rates and clipping depend on the batch size",
            choices=("mean", "sum"),
        ),
    ),
    ablations=(Ablation("released", "the sum over pairs", {"reduction": "sum"}),),
)
