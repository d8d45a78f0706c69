"""CMCL, its global branch: several code lengths at once, without prompts and fusion."""

from hashbench.methods.cmcl.presets import PAPER_PRESET
from hashbench.methods.frozen_params import training_params
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="cmcl",
    title="CMCL (global)",
    summary="All code lengths in one training, likelihoods and alignment: PromptHash without "
    "prompts and fusion. Frozen: heads on pooled features, without the paper's concepts of tokens.",
    paper="Zhang et al., Cross-Modal Concept Learning, TKDE 2024",
    year=2024,
    entry="hashbench.methods.cmcl.method:Cmcl",
    paper_preset=PAPER_PRESET,
    joint_bits=True,
    needs_joint_space=True,
    epoch_params=("epochs",),
    params=(
        *training_params(epochs=15, batch_size=128, lr=1e-3, weight_decay=0.01),
        Param("dropout", 0.5, "dropout of the residual MLP", low=0.0, high=0.99),
        Param("intra", 0.005, "weight of the likelihood within a modality", low=0.0, high=1e4),
        Param("inter", 5.0, "weight of the likelihood across modalities", low=0.0, high=1e4),
        Param("quantisation", 1.0, "weight of the distance to signs", low=0.0, high=1e4),
        Param("delta", 0.001, "weight of reconstruction; 0.005 for COCO", low=0.0, high=1e4),
        Param("alignment", 5.0, "weight of image to text alignment", low=0.0, high=1e4),
        Param("temperature", 0.07, "of the alignment", low=0.001, high=100.0),
        Param("auxiliary_bits", 128, "the auxiliary length", low=1, high=4096),
        Param("mu", 20.0, "weight of the auxiliary length", low=0.0, high=1e4),
    ),
    ablations=(
        Ablation("no-alignment", "no image to text alignment", {"alignment": 0.0}),
        Ablation("no-intra", "no likelihood within a modality", {"intra": 0.0}),
        Ablation("no-inter", "no likelihood across modalities", {"inter": 0.0}),
        Ablation("no-quantisation", "no distance to signs", {"quantisation": 0.0}),
        Ablation("no-reconstruction", "no reconstruction", {"delta": 0.0}),
        Ablation("no-auxiliary", "no weight on the auxiliary length", {"mu": 0.0, "delta": 0.0}),
    ),
)
