"""CCA-ITQ: canonical directions, rotated to the nearest signs; with or without labels."""

from hashbench.methods.cca_itq.presets import PAPER_PRESET
from hashbench.methods.frozen_params import COVARIANCE_RIDGE, ROTATION_ROUNDS
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="cca-itq",
    title="CCA-ITQ",
    summary="Canonical directions of images and texts, or of each with the labels, rotated to the "
    "signs nearest to them, on frozen features.",
    paper="Gong, Lazebnik, Gordo, Perronnin, Iterative quantization, TPAMI 2013, section 3",
    year=2013,
    entry="hashbench.methods.cca_itq.method:CcaItq",
    paper_preset=PAPER_PRESET,
    params=(
        Param(
            "correlate",
            "pairs",
            "what directions are found by: images with their texts, without labels (pairs), or "
            "each of both with the labels (labels)",
            choices=("pairs", "labels"),
        ),
        COVARIANCE_RIDGE,
        ROTATION_ROUNDS,
    ),
    ablations=(
        Ablation("supervised", "correlate each modality with the labels", {"correlate": "labels"}),
        Ablation("random-rotation", "no round: a random rotation", {"rounds": 0}),
    ),
)
