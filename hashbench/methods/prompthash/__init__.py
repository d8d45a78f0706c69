"""PromptHash: affinity prompts and gated state space fusion, strict or as published."""

from hashbench.methods.prompted_params import (
    ABLATIONS,
    OPTIMISATION,
    PREDICTION,
    PROMPT_READING,
    SOURCES,
    TRAIN_PROMPT,
)
from hashbench.methods.prompthash.presets import PAPER_PRESET
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="prompthash",
    title="PromptHash",
    summary="Label prompts fused with text and image by a gated state space model; prompts are "
    "predicted from the item's own modality (strict) or true labels (published).",
    paper="Zou, Cheng, Chen, CVPR 2025, arXiv 2503.16064",
    year=2025,
    entry="hashbench.methods.prompthash.method:PromptHash",
    joint_bits=True,
    needs_prompts=True,
    needs_encoders=True,
    needs_joint_space=True,
    published_leaks=True,
    tuned_blocks="tuned_blocks",
    epoch_params=("epochs",),
    paper_preset=PAPER_PRESET,
    params=(
        *OPTIMISATION,
        Param(
            "prompt",
            "predicted",
            "where classes in prompts come from at encoding: predicted from the item's own "
            "modality, none, or its true labels (published protocol)",
            choices=SOURCES,
            published="ground-truth",
        ),
        TRAIN_PROMPT,
        Param(
            "pair",
            default=False,
            help="fuse the image with the text of the same item before it is encoded, and the text "
            "with the image (published protocol)",
            published=True,
        ),
        Param(
            "batch_mixing",
            default=False,
            help="fuse along the batch as the release does, so that codes depend on neighbours "
            "(published protocol)",
            published=True,
        ),
        *PREDICTION,
        Param(
            "template",
            "this is an image containing {}.",
            "the sentence of the prompt; {} stands for the names of the classes",
            template=True,
        ),
        Param("taap", default=True, help="text affinity-aware prompts; no: the tower's own text"),
        *PROMPT_READING,
        Param(
            "fusion",
            "ssm",
            "what mixes before the gate: a state space block (paper), a transformer block, "
            "nothing (gate), or no fusion at all (none)",
            choices=("ssm", "transformer", "gate", "none"),
        ),
        Param(
            "fused_share",
            0.5,
            "share of the fused feature, the plain one has the rest",
            low=0.0,
            high=1.0,
        ),
        Param(
            "grn",
            "paper",
            "global response normalisation as defined, or the release's, which does nothing",
            choices=("paper", "released"),
        ),
        Param("dropout", 0.5, "dropout of the residual MLP", low=0.0, high=0.99),
        Param("intra", 0.005, "weight of the likelihood within a modality", low=0.0, high=1e4),
        Param("inter", 5.0, "weight of the likelihood across modalities", low=0.0, high=1e4),
        Param("sigma", 0.1, "weight of quantisation", low=0.0, high=1e4),
        Param("delta", 0.001, "weight of reconstruction", low=0.0, high=1e4),
        Param("alpha", 5.0, "weight of the global image to text alignment", low=0.0, high=1e4),
        Param(
            "token_weight",
            2.5,
            "weight of the local alignment of image patches with prompt tokens (paper)",
            low=0.0,
            high=1e4,
        ),
        Param(
            "prompt_weight",
            2.5,
            "weight of the alignment of the whole image with the whole prompt, which the release "
            "has, weighted 5, in place of the local one",
            low=0.0,
            high=1e4,
        ),
        Param("temperature", 0.07, "of all alignments", low=0.001, high=100.0),
        Param(
            "targets",
            "unified",
            "binary codes that training draws to: one for image and text of an item, or one for "
            "each (specific)",
            choices=("unified", "specific"),
        ),
        Param("auxiliary_bits", 256, "the auxiliary length", low=1, high=4096),
        Param("mu", 20.0, "weight of the auxiliary length", low=0.0, high=1e4),
    ),
    ablations=(
        Ablation("no-taap", "the tower's own text feature", {"taap": False}),
        Ablation("taap-no-labels", "affinity prompts without classes", {"prompt": "none"}),
        Ablation("no-agsf", "no fusion", {"fusion": "none"}),
        Ablation("agsf-transformer", "transformer for state space", {"fusion": "transformer"}),
        Ablation("agsf-gate", "the gate alone", {"fusion": "gate"}),
        Ablation("no-global", "no image to text alignment", {"alpha": 0.0}),
        Ablation(
            "no-local",
            "no alignment with the prompt, neither of tokens nor of the whole",
            {"token_weight": 0.0, "prompt_weight": 0.0},
        ),
        Ablation(
            "local-tokens",
            "patches with prompt tokens alone, as in the paper",
            {"token_weight": 5.0, "prompt_weight": 0.0},
        ),
        Ablation(
            "local-whole",
            "whole image with whole prompt alone, as released",
            {"token_weight": 0.0, "prompt_weight": 5.0},
        ),
        Ablation("no-intra", "no likelihood within a modality", {"intra": 0.0}),
        Ablation("no-inter", "no likelihood across modalities", {"inter": 0.0}),
        Ablation("no-quantisation", "no quantisation", {"sigma": 0.0}),
        Ablation("sigma-0.01", "weaker quantisation", {"sigma": 0.01}),
        Ablation("sigma-1", "stronger quantisation", {"sigma": 1.0}),
        Ablation("alpha-1", "weaker global alignment", {"alpha": 1.0}),
        Ablation("alpha-10", "stronger global alignment", {"alpha": 10.0}),
        Ablation("plain-features", "plain features alone", {"fused_share": 0.0}),
        Ablation("fused-features", "fused features alone", {"fused_share": 1.0}),
        Ablation("specific-codes", "a binary code for each modality", {"targets": "specific"}),
        Ablation("released-grn", "a normalisation that does nothing", {"grn": "released"}),
        *ABLATIONS,
        Ablation(
            "leak-label",
            "published protocol: the true label alone leaks",
            {"pair": False, "batch_mixing": False},
        ),
        Ablation(
            "leak-pair",
            "published protocol: the paired modality alone leaks",
            {"prompt": "predicted", "batch_mixing": False},
        ),
        Ablation(
            "leak-batch",
            "published protocol: batch neighbours alone leak",
            {"prompt": "predicted", "pair": False},
        ),
    ),
)
