"""MITH, its global branch: shared refinement of both modalities' features, pairs and alignment."""

from hashbench.methods.frozen_params import training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="mith",
    title="MITH (global)",
    summary="A residual network shared by images and texts, likelihoods across modalities and "
    "alignment. Frozen: heads on pooled features, without the paper's branch of local tokens.",
    paper="Liu, Wu, Zhang, Liu, Multi-granularity Interactive Transformer Hashing, ACM MM 2023",
    year=2023,
    entry="hashbench.methods.mith.method:Mith",
    needs_joint_space=True,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=15, batch_size=128, lr=1e-3, weight_decay=0.01),
        Param("inter", 10.0, "weight of the likelihood across modalities", low=0.0, high=1e4),
        Param("quantisation", 8.0, "weight of the distance to signs", low=0.0, high=1e4),
        Param("alignment", 50.0, "weight of image to text alignment", low=0.0, high=1e4),
        Param("temperature", 0.07, "of the alignment", low=0.001, high=100.0),
    ),
    ablations=(
        Ablation("no-inter", "no likelihood, so that no label is used", {"inter": 0.0}),
        Ablation("no-quantisation", "no distance to signs", {"quantisation": 0.0}),
        Ablation("no-alignment", "no image to text alignment", {"alignment": 0.0}),
    ),
)
