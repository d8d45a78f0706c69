"""UCCH: contrast with binary codes in a memory, and ranking within the batch, without labels."""

from hashbench.methods.frozen_params import training_params
from hashbench.methods.ucch.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="ucch",
    title="UCCH",
    summary="Unsupervised: both codes of an item are told from the binary codes of others in a "
    "memory, and pairs are ranked within the batch. Frozen: heads on features.",
    paper="Hu, Zhu, Lin, Peng, Zhao, Peng, Unsupervised Contrastive Cross-modal Hashing, "
    "TPAMI 2023",
    year=2023,
    entry="hashbench.methods.ucch.method:Ucch",
    paper_preset=PAPER_PRESET,
    supervised=False,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=20, batch_size=128, lr=1e-3, weight_decay=1e-6),
        Param("hidden", 1024, "width of hidden layers; 8192 in the release", low=1, high=65536),
        Param("image_depth", 2, "hidden layers for images", low=0, high=8),
        Param("text_depth", 1, "hidden layers for texts", low=0, high=8),
        Param("alpha", 0.7, "share of the contrast, the ranking has the rest", low=0.0, high=1.0),
        Param("temperature", 0.9, "of the contrast, times sqrt(K)", low=0.001, high=100.0),
        Param("negatives", 4096, "rows of the memory an item is told from", low=1, high=1_000_000),
        Param("momentum", 0.4, "what a row of the memory keeps in a step", low=0.0, high=0.999),
        Param(
            "warm_up",
            1,
            "epochs in which the candidates are the batch, and the memory is overwritten",
            low=0,
            high=10000,
        ),
        Param("margin", 0.2, "margin of the ranking", low=0.0, high=2.0),
        Param(
            "shift",
            0.1,
            "what is taken off similarities that keep the margin; 1 in the release's defaults",
            low=0.0,
            high=2.0,
        ),
    ),
    ablations=(
        Ablation("contrast-only", "no ranking", {"alpha": 1.0}),
        Ablation("ranking-only", "no contrast", {"alpha": 0.0}),
        Ablation("no-warm-up", "the memory's random signs from the start", {"warm_up": 0}),
        Ablation(
            "code-defaults",
            "the release's default weights, where its README gives others for MIRFlickr",
            {"alpha": 0.9, "shift": 1.0},
        ),
    ),
)
