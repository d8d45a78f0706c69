"""SSAH: a network on labels supervises those of images and texts, with adversaries between them."""

from hashbench.methods.ssah.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="ssah",
    title="SSAH",
    summary="A label network makes features and codes that image and text networks learn, and "
    "adversaries tell whose feature is whose. Frozen: networks on features.",
    paper="Li, Deng, Li, Liu, Gao, Tao, Self-Supervised Adversarial Hashing, CVPR 2018",
    year=2018,
    entry="hashbench.methods.ssah.method:Ssah",
    paper_preset=PAPER_PRESET,
    epoch_params=("label_epochs", "epochs"),
    params=(
        Param("label_epochs", 15, "epochs of stage 1, the label network", low=1, high=10000),
        Param("epochs", 15, "epochs of stage 2, images and texts", low=1, high=10000),
        Param("batch_size", 128, "items a step", low=2, high=65536),
        Param("lr", 1e-3, "initial learning rate of Adam; falls along a cosine", low=0.0, high=1.0),
        Param("hidden", 1024, "width of the first layer; 4096 as released", low=1, high=65536),
        Param("feature", 256, "width of shared features; 512 as released", low=1, high=65536),
        Param(
            "pairs",
            "likelihood",
            "the loss of pairs: their likelihood (paper), or (S theta - softplus(theta))^2 / 2 "
            "(squared, as released)",
            choices=("likelihood", "squared"),
        ),
        Param(
            "targets",
            "unified",
            "what codes are drawn to: signs that label, image and text share (unified, paper), or "
            "their own (specific, as released)",
            choices=("unified", "specific"),
        ),
        Param("feature_pairs", 1.0, "weight of the pairs of features", low=0.0, high=1e4),
        Param("quantisation", 1.0, "weight of the distance to signs, of sums", low=0.0, high=1e6),
        Param("classification", 1.0, "weight of predicted labels, of sums", low=0.0, high=1e6),
        Param(
            "adversary",
            0.1,
            "weight of the adversaries, between means: in the paper's sums it would vanish; 0 as "
            "released, where no gradient of them reaches the networks",
            low=0.0,
            high=1e4,
        ),
    ),
    ablations=(
        Ablation("no-adversary", "as released: the adversary moves no network", {"adversary": 0.0}),
        Ablation("no-features", "codes alone are supervised", {"feature_pairs": 0.0}),
        Ablation("squared-pairs", "as released: a squared loss", {"pairs": "squared"}),
        Ablation("specific-codes", "as released: each to its own signs", {"targets": "specific"}),
        Ablation("no-classification", "no predicted labels", {"classification": 0.0}),
        Ablation(
            "released",
            "squared loss, own signs, no working adversary",
            {"pairs": "squared", "targets": "specific", "adversary": 0.0},
        ),
    ),
)
