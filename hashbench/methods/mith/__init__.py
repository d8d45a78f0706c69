"""MITH: shared refinement of both modalities' features, and concepts gathered from tokens."""

from hashbench.methods.frozen_params import training_params, tuning_params
from hashbench.methods.mith.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="mith",
    title="MITH",
    summary="A residual network shared by images and texts, likelihoods across modalities and "
    "alignment: its global branch, on frozen features. --ablate full adds the local branch, whose "
    "concepts are gathered from patches and words; --ablate tuned-2 tunes the backbone.",
    paper="Liu, Wu, Zhang, Liu, Multi-granularity Interactive Transformer Hashing, ACM MM 2023",
    year=2023,
    entry="hashbench.methods.mith.method:Mith",
    tuned_blocks="tuned_blocks",
    paper_preset=PAPER_PRESET,
    needs_joint_space=True,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=15, batch_size=128, lr=1e-3, weight_decay=0.01),
        *tuning_params(backbone_lr=1e-4),
        Param(
            "branches",
            "global",
            "the branch of whole items alone (global), or that of concepts from tokens as well "
            "(both), which needs tuned_blocks, if only at a backbone_lr of 0",
            choices=("global", "both"),
        ),
        Param("inter", 10.0, "weight of the likelihood across modalities", low=0.0, high=1e4),
        Param("quantisation", 8.0, "weight of the distance to signs", low=0.0, high=1e4),
        Param("alignment", 50.0, "weight of image to text alignment", low=0.0, high=1e4),
        Param("temperature", 0.07, "of the alignment", low=0.001, high=100.0),
        Param(
            "intra",
            1.0,
            "weight of the likelihood of local codes within a modality",
            low=0.0,
            high=1e4,
        ),
        Param(
            "concepts",
            0.01,
            "share of the alignment of an item's concepts beside that of whole items",
            low=0.0,
            high=1e4,
        ),
        Param(
            "distillation",
            1.0,
            "weight of the distance between global and local codes",
            low=0.0,
            high=1e4,
        ),
        Param("strongest", 8, "concepts that a token may speak for", low=1, high=4096),
    ),
    ablations=(
        Ablation(
            "full",
            "both branches, on a frozen backbone",
            {"branches": "both", "tuned_blocks": 1, "backbone_lr": 0.0},
        ),
        Ablation(
            "full-tuned-2",
            "both branches, the last two blocks of both towers tuned, as much of the paper as runs",
            {"branches": "both", "tuned_blocks": 2},
        ),
        Ablation(
            "tuned-2",
            "the global branch, the last two blocks of both towers tuned",
            {"tuned_blocks": 2},
        ),
        Ablation("no-inter", "no likelihood across modalities", {"inter": 0.0}),
        Ablation("no-quantisation", "no distance to signs", {"quantisation": 0.0}),
        Ablation("no-alignment", "no alignment, of items or concepts", {"alignment": 0.0}),
        Ablation("no-distillation", "branches do not learn from each other", {"distillation": 0.0}),
    ),
)
