"""DSPH: class proxies that both modalities are drawn to, and a threshold from coding theory."""

from hashbench.methods.dsph.presets import PAPER_PRESET
from hashbench.methods.frozen_params import DROPOUT, training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="dsph",
    title="DSPH",
    summary="Codes near to the proxies of their classes and far from others, irrelevant pairs "
    "apart; frozen features, heads and proxies are trained.",
    paper="Huo et al., Deep semantic-aware proxy hashing for multi-label cross-modal retrieval, "
    "TCSVT 2023",
    year=2023,
    entry="hashbench.methods.dsph.method:Dsph",
    paper_preset=PAPER_PRESET,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=30, batch_size=128, lr=1e-3, weight_decay=0.2),
        DROPOUT,
        Param("alpha", 0.8, "weight of irrelevant pairs", low=0.0, high=1e4),
        Param("proxy_lr", 0.02, "learning rate of the proxies, by SGD", low=0.0, high=10.0),
        Param("proxy_decay", 5e-4, "weight decay of the proxies", low=0.0, high=10.0),
    ),
    ablations=(
        Ablation("no-pairs", "proxies alone, alpha = 0", {"alpha": 0.0}),
        Ablation("fixed-proxies", "proxies stay as they are drawn", {"proxy_lr": 0.0}),
    ),
)
