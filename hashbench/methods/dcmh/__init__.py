"""DCMH: likelihood of pairs against the other modality's codes of all training items."""

from hashbench.methods.dcmh.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="dcmh",
    title="DCMH",
    summary="Two networks, each learns pairs against the other's codes of all training items; "
    "frozen features, heads alone are trained.",
    paper="Jiang and Li, Deep cross-modal hashing, CVPR 2017",
    year=2017,
    entry="hashbench.methods.dcmh.method:Dcmh",
    paper_preset=PAPER_PRESET,
    epoch_params=("epochs",),
    params=(
        Param("epochs", 20, "epochs", low=1, high=10000),
        Param("batch_size", 128, "items a step", low=2, high=65536),
        Param("lr", 5e-4, "learning rate at the beginning", low=0.0, high=10.0),
        Param("lr_end", 1e-5, "learning rate at the end; falls geometrically", low=0.0, high=10.0),
        Param(
            "optimiser",
            "adam",
            "adam, which needs tens of epochs, or sgd as published, which needs hundreds",
            choices=("adam", "sgd"),
        ),
        Param("hidden", 2048, "width of the hidden layer", low=1, high=65536),
        Param("gamma", 1.0, "weight of quantisation, of sums", low=0.0, high=1e6),
        Param(
            "eta",
            0.001,
            "weight of bit balance, of sums; 1 as published goes with SGD: Adam's steps overshoot, "
            "since most of the sum is of codes that are an epoch old",
            low=0.0,
            high=1e6,
        ),
        Param(
            "memory_start",
            "zero",
            "codes of items that were not seen yet: zero (official code) or normal (a later port)",
            choices=("zero", "normal"),
        ),
    ),
    ablations=(
        Ablation("no-quantisation", "gamma = 0", {"gamma": 0.0}),
        Ablation("no-balance", "eta = 0", {"eta": 0.0}),
        Ablation(
            "ported",
            "with --preset paper: from normal codes down to 10^-6, as a port to PyTorch",
            {"lr_end": 1e-6, "memory_start": "normal"},
        ),
    ),
)
