"""DJSRH: codes that reconstruct a similarity joined from both modalities, without labels."""

from hashbench.methods.djsrh.presets import PAPER_PRESET
from hashbench.methods.frozen_params import training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="djsrh",
    title="DJSRH",
    summary="Unsupervised: cosines of codes reconstruct a similarity joined from image and text "
    "features. Frozen: heads on features.",
    paper="Su, Zhong, Zhang, Deep Joint-Semantics Reconstructing Hashing, ICCV 2019",
    year=2019,
    entry="hashbench.methods.djsrh.method:Djsrh",
    paper_preset=PAPER_PRESET,
    supervised=False,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=40, batch_size=32, lr=0.01, weight_decay=5e-4),
        Param("hidden", 512, "width of a head's hidden layer", low=1, high=65536),
        Param("depth", 1, "hidden layers of a head; 0 makes it linear", low=0, high=8),
        Param(
            "beta",
            0.9,
            "share of the images in the joint similarity, texts have the rest; 0.6 for NUS-WIDE",
            low=0.0,
            high=1.0,
        ),
        Param("eta", 0.4, "share of similarity by common neighbours", low=0.0, high=1.0),
        Param("mu", 1.5, "scale of the joint similarity", low=0.0, high=100.0),
        Param("image", 0.1, "weight of the structure among images", low=0.0, high=1e4),
        Param("text", 0.1, "weight of the structure among texts", low=0.0, high=1e4),
        Param("annealed", True, "tanh steepens with the root of the epoch"),
    ),
    ablations=(
        Ablation("no-neighbours", "direct similarity alone", {"eta": 0.0}),
        Ablation("inter-only", "no structure within a modality", {"image": 0.0, "text": 0.0}),
        Ablation("unscaled", "the joint similarity as it is", {"mu": 1.0}),
        Ablation("no-annealing", "the same tanh in all epochs", {"annealed": False}),
        Ablation("equal-shares", "images and texts count alike", {"beta": 0.5}),
        Ablation("linear", "linear heads", {"depth": 0}),
    ),
)
