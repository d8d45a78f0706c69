"""JDSH: a joint similarity whose outstanding pairs are sharpened, without labels."""

from hashbench.methods.frozen_params import training_params
from hashbench.methods.jdsh.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="jdsh",
    title="JDSH",
    summary="Unsupervised: codes reconstruct a joint similarity whose most and least similar pairs "
    "are weighted by its distribution. Frozen: heads on features.",
    paper="Liu, Qian, Guan, Zhan, Ying, Joint-modal Distribution-based Similarity Hashing, "
    "SIGIR 2020",
    year=2020,
    entry="hashbench.methods.jdsh.method:Jdsh",
    paper_preset=PAPER_PRESET,
    supervised=False,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=40, batch_size=32, lr=0.01, weight_decay=5e-4),
        Param("hidden", 512, "width of a head's hidden layer", low=1, high=65536),
        Param("depth", 1, "hidden layers of a head; 0 makes it linear", low=0, high=8),
        Param("images", 0.5, "share of images in the joint similarity", low=0.0, high=1.0),
        Param("texts", 0.1, "share of texts in it", low=0.0, high=1.0),
        Param("across", 0.4, "share of neighbours common to both", low=0.0, high=1.0),
        Param("mu", 1.4, "scale of the joint similarity", low=0.0, high=100.0),
        Param("intra", 0.1, "weight of the structure within a modality", low=0.0, high=1e4),
        Param("dissimilar", 0.1, "l1, how far dissimilar pairs are moved", low=0.0, high=1e4),
        Param("similar", 0.2, "l2, how far similar pairs are moved", low=0.0, high=1e4),
        Param("below", 2.0, "deviations below which a pair is dissimilar", low=0.0, high=100.0),
        Param("above", 4.0, "deviations above which a pair is similar", low=0.0, high=100.0),
        Param(
            "thresholds",
            "fitted",
            "where pairs stand out: by the distribution of the run's own similarities (fitted), or "
            "the release's numbers for AlexNet features and bags of words (released)",
            choices=("fitted", "released"),
        ),
        Param("annealed", True, "tanh steepens with the root of the epoch"),
    ),
    shares=("images", "texts", "across"),
    ablations=(
        Ablation("no-weighting", "similarities as they are", {"dissimilar": 0.0, "similar": 0.0}),
        Ablation(
            "released-thresholds",
            "the release's numbers, which are those of other features",
            {"thresholds": "released"},
        ),
        Ablation("inter-only", "no structure within a modality", {"intra": 0.0}),
        Ablation("no-annealing", "the same tanh in all epochs", {"annealed": False}),
        Ablation("linear", "linear heads", {"depth": 0}),
    ),
)
