"""CLIPMH: one fused code an item, image and text gated."""

from hashbench.methods.clipmh.presets import PAPER_PRESET
from hashbench.methods.frozen_params import training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="clipmh",
    title="CLIPMH",
    summary="Multi-modal hashing: image and text, gated element by element, make one code. Only "
    "the model is released: the loss is the likelihood of PGHMH. Frozen: heads on features.",
    paper="CLIP Multi-modal Hashing, github HackerHyper/CLIPMH",
    year=2023,
    entry="hashbench.methods.clipmh.method:ClipMh",
    paper_preset=PAPER_PRESET,
    directions=("mm",),
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=20, batch_size=128, lr=1e-3, weight_decay=0.01),
        Param("hidden", 256, "width of either modality in the fusion", low=1, high=65536),
        Param("gated", True, "a gate weighs each element of the fused feature"),
        Param("quantisation", 0.1, "weight of the distance to signs", low=0.0, high=1e4),
    ),
    ablations=(
        Ablation("no-gate", "image and text side by side, without a gate", {"gated": False}),
        Ablation("no-quantisation", "the likelihood alone", {"quantisation": 0.0}),
    ),
)
