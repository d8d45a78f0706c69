"""PGHMH: one fused code an item, guided by prompts; strict or as published."""

from hashbench.plan.card import Ablation, MethodCard, Param

SOURCES = ("predicted", "none", "ground-truth")

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
    published_leaks=True,
    tuned_blocks="tuned_blocks",
    epoch_params=("epochs",),
    params=(
        Param("epochs", 8, "epochs", low=1, high=10000),
        Param("batch_size", 64, "items a step", low=2, high=65536),
        Param("lr", 1e-3, "highest learning rate of heads and prompts", low=0.0, high=1.0),
        Param("fusion_lr", 0.1, "that of the fusion, as a share of lr", low=0.0, high=10.0),
        Param("backbone_lr", 1e-4, "that of the tuned blocks; 0 freezes them", low=0.0, high=1.0),
        Param("weight_decay", 0.01, "decoupled weight decay", low=0.0, high=10.0),
        Param("tuned_blocks", 2, "how many last blocks of both towers are tuned", low=1, high=64),
        Param(
            "prompt",
            "predicted",
            "where classes in prompts come from at encoding: predicted from what is there of the "
            "item, none, or its true labels (published protocol)",
            choices=SOURCES,
            published="ground-truth",
        ),
        Param(
            "train_prompt",
            "as-encoded",
            "where they come from in training; true labels of training items are no leak",
            choices=("as-encoded", *SOURCES),
        ),
        Param(
            "predictor",
            "trained",
            "who predicts classes: a classifier trained on the training labels, or the class "
            "names alone (zero-shot)",
            choices=("trained", "zero-shot"),
        ),
        Param("ridge", 1e-3, "ridge penalty of the trained classifier", low=0.0, high=1e6),
        Param("sample_context", default=True, help="the prompt's context depends on the sample"),
        Param("eta", 1.0, "weight of the prompt in the text feature", low=0.0, high=100.0),
        Param("slots", 8, "most classes in a prompt", low=1, high=64),
        Param("context", default=True, help="the prompt's context tokens are trained"),
        Param(
            "fusion",
            "anchors",
            "attention in which image and text ask each other and the prompt (anchors), each "
            "other alone (pair), or no attention (none)",
            choices=("anchors", "pair", "none"),
        ),
        Param("missing_train", 0.0, "share of training items that lack a modality", low=0, high=1),
        Param("missing_test", 0.0, "share of all other items that do", low=0.0, high=1.0),
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
        Ablation("no-reconstruction", "no reconstruction", {"delta": 0.0}),
        Ablation("no-auxiliary", "no weight on the auxiliary length", {"mu": 0.0, "delta": 0.0}),
        Ablation("no-fusion", "sum of the features without attention", {"fusion": "none"}),
        Ablation("unguided", "attention between image and text alone", {"fusion": "pair"}),
        Ablation("prompt-none", "context tokens without classes", {"prompt": "none"}),
        Ablation("static-context", "one context for all samples", {"sample_context": False}),
        Ablation("frozen-context", "context tokens never trained, as released", {"context": False}),
        Ablation("zero-shot", "classes predicted from their names", {"predictor": "zero-shot"}),
        Ablation(
            "true-prompt-training",
            "true labels in training prompts, predicted ones at encoding",
            {"train_prompt": "ground-truth"},
        ),
        Ablation("frozen-towers", "no block is tuned", {"backbone_lr": 0.0}),
        Ablation(
            "missing-30", "a third lacks a modality", {"missing_train": 0.3, "missing_test": 0.3}
        ),
        Ablation("missing-50", "half lack a modality", {"missing_train": 0.5, "missing_test": 0.5}),
        Ablation("missing-70", "most lack a modality", {"missing_train": 0.7, "missing_test": 0.7}),
        Ablation("image-queries", "queries without a text", {"queries": "image"}),
        Ablation("text-queries", "queries without an image", {"queries": "text"}),
    ),
)
