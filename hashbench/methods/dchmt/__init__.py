"""DCHMT: pairs of logits a bit, and distances of relaxed codes within and across modalities."""

from hashbench.methods.dchmt.presets import PAPER_PRESET
from hashbench.methods.frozen_params import training_params, tuning_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="dchmt",
    title="DCHMT",
    summary="A bit is the larger of two logits; codes of similar pairs are drawn together, others "
    "a given distance apart; frozen features, or the backbone's last blocks tuned.",
    paper="Tu et al., Differentiable cross-modal hashing via multimodal transformers, MM 2022",
    year=2022,
    entry="hashbench.methods.dchmt.method:Dchmt",
    tuned_blocks="tuned_blocks",
    paper_preset=PAPER_PRESET,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=30, batch_size=128, lr=3e-3, weight_decay=0.2),
        *tuning_params(backbone_lr=1e-4),
        Param(
            "head",
            "original",
            "one small classifier a bit on a shared layer of 128 (original: the repository of the "
            "paper), or attention over one token, a norm and one layer (newer: a later repository "
            "of its author)",
            choices=("original", "newer"),
        ),
        Param(
            "theta",
            0.75,
            "share of the bits in which dissimilar items shall differ (vartheta)",
            low=0.0,
            high=1.0,
        ),
        Param(
            "quantisation",
            0.0,
            "weight of quantisation; the original repository leaves it out, the newer has 0.001",
            low=0.0,
            high=1e4,
        ),
    ),
    ablations=(
        Ablation(
            "newer-head",
            "head and quantisation of the author's later repository",
            {"head": "newer", "quantisation": 0.001},
        ),
        Ablation("tuned-2", "the last two blocks of both towers are tuned", {"tuned_blocks": 2}),
        Ablation("theta-0.5", "the code's default, against the README's command", {"theta": 0.5}),
    ),
)
