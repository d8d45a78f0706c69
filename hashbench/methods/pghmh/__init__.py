"""PGHMH: one fused code an item, guided by prompts; strict or as published."""

from hashbench.methods.pghmh.presets import PAPER_PRESET
from hashbench.methods.prompted_params import (
    ABLATIONS,
    OPTIMISATION,
    PREDICTION,
    PROMPT_READING,
    SOURCES,
    TRAIN_PROMPT,
)
from hashbench.plan.card import Ablation, MethodCard, Param

CARD = MethodCard(
    name="pghmh",
    title="PGHMH",
    summary="Multi-modal hashing: image, text and a prompt of the item's classes, predicted "
    "(strict) or true (published), fused into one code.",
    paper="Prompt-Guided Hierarchical Multi-modal Hashing, github vindahi/PGHMH",
    year=2025,
    entry="hashbench.methods.pghmh.method:Pghmh",
    directions=("mm",),
    joint_bits=True,
    needs_prompts=True,
    needs_encoders=True,
    needs_joint_space=True,
    published_leaks=True,
    tuned_blocks="tuned_blocks",
    shares=("missing_image", "missing_text"),
    epoch_params=("epochs",),
    paper_preset=PAPER_PRESET,
    params=(
        *OPTIMISATION,
        Param(
            "prompt",
            "predicted",
            "where classes in prompts come from at encoding: predicted from what the item has of "
            "image and text, none, or its true labels (published protocol)",
            choices=SOURCES,
            published="ground-truth",
        ),
        TRAIN_PROMPT,
        *PREDICTION,
        Param(
            "template",
            "an image showing {}.",
            "the sentence of the prompt; {} stands for the names of the classes",
            template=True,
        ),
        Param("sample_context", default=True, help="the prompt's context depends on the sample"),
        *PROMPT_READING,
        Param(
            "fusion",
            "anchors",
            "attention in which image and text attend to each other and the prompt (anchors), to "
            "each other alone (pair), or no attention (none)",
            choices=("anchors", "pair", "none"),
        ),
        Param("dropout", 0.5, "dropout of the residual MLP", low=0.0, high=0.99),
        Param(
            "missing_image",
            0.0,
            "share of items without an image, drawn once per item; a text remains",
            low=0.0,
            high=1.0,
        ),
        Param(
            "missing_text",
            0.0,
            "share of items without a text, drawn once per item; an image remains, so that both "
            "shares add up to 1 at most",
            low=0.0,
            high=1.0,
        ),
        Param(
            "missing_in",
            "everywhere",
            "where they lack it: everywhere, in training only, or when codes are made only "
            "(encoding)",
            choices=("everywhere", "training", "encoding"),
        ),
        Param(
            "modality_dropout",
            0.0,
            "share of complete items that lose one modality for a training step, drawn anew each "
            "time",
            low=0.0,
            high=1.0,
        ),
        Param(
            "queries",
            "both",
            "what queries consist of: both modalities, the image alone or the text alone",
            choices=("both", "image", "text"),
        ),
        Param("inter_modal", 5.0, "weight of image to text alignment", low=0.0, high=1e4),
        Param("anchor", 5.0, "weight of the alignment with the prompt", low=0.0, high=1e4),
        Param("pairwise", 5.005, "weight of the likelihood over codes", low=0.0, high=1e4),
        Param("delta", 0.005, "weight of reconstruction", low=0.0, high=1e4),
        Param("temperature", 0.07, "of both alignments", low=0.001, high=100.0),
        Param("auxiliary_bits", 128, "the auxiliary length", low=1, high=4096),
        Param("mu", 20.0, "weight of the auxiliary length", low=0.0, high=1e4),
    ),
    ablations=(
        Ablation("no-inter-modal", "level 1 off: image to text", {"inter_modal": 0.0}),
        Ablation("no-anchor", "level 2 off: the prompt as an anchor", {"anchor": 0.0}),
        Ablation(
            "no-structured", "level 3 off: codes learn nothing", {"pairwise": 0.0, "delta": 0.0}
        ),
        Ablation("no-fusion", "sum of the features without attention", {"fusion": "none"}),
        Ablation("unguided", "attention between image and text alone", {"fusion": "pair"}),
        Ablation("prompt-none", "a prompt without classes", {"prompt": "none"}),
        Ablation("static-context", "one context for all samples", {"sample_context": False}),
        *ABLATIONS,
        Ablation(
            "missing-30",
            "15 % lack the image, 15 % the text",
            {"missing_image": 0.15, "missing_text": 0.15},
        ),
        Ablation(
            "missing-50",
            "a quarter lacks the image, a quarter the text",
            {"missing_image": 0.25, "missing_text": 0.25},
        ),
        Ablation(
            "missing-70",
            "35 % lack the image, 35 % the text",
            {"missing_image": 0.35, "missing_text": 0.35},
        ),
        Ablation("few-images", "imbalanced: 70 % lack the image", {"missing_image": 0.7}),
        Ablation("few-texts", "imbalanced: 70 % lack the text", {"missing_text": 0.7}),
        Ablation(
            "modality-dropout", "a third loses a modality each step", {"modality_dropout": 0.3}
        ),
        Ablation("image-queries", "queries without a text", {"queries": "image"}),
        Ablation("text-queries", "queries without an image", {"queries": "text"}),
    ),
)
