"""PromptHash: affinity prompts and gated state space fusion, strict or as published."""

from hashbench.plan.card import Ablation, MethodCard, Param

SOURCES = ("predicted", "none", "ground-truth")

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
            "where classes in prompts come from at encoding: predicted from the item's own "
            "modality, none, or its true labels (published protocol)",
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
        Param(
            "predictor",
            "trained",
            "who predicts classes: a classifier trained on the training labels, or the class "
            "names alone (zero-shot)",
            choices=("trained", "zero-shot"),
        ),
        Param("ridge", 1e-3, "ridge penalty of the trained classifier", low=0.0, high=1e6),
        Param("taap", default=True, help="text affinity-aware prompts; no: the tower's own text"),
        Param("eta", 1.0, "weight of the prompt in the text feature", low=0.0, high=100.0),
        Param("slots", 8, "most classes in a prompt", low=1, high=64),
        Param("context", default=True, help="the prompt's context tokens are trained"),
        Param(
            "fusion",
            "ssm",
            "what mixes before the gate: a state space block (paper), a transformer block, "
            "nothing (gate), or no fusion at all (none)",
            choices=("ssm", "transformer", "gate", "none"),
        ),
        Param("alpha", 0.5, "share of the fused feature next to the plain one", low=0.0, high=1.0),
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
        Param("global_weight", 5.0, "weight of image to text alignment", low=0.0, high=1e4),
        Param("local_weight", 5.0, "weight of image to prompt alignment", low=0.0, high=1e4),
        Param("temperature", 0.07, "of both alignments", low=0.001, high=100.0),
        Param("auxiliary_bits", 256, "the auxiliary length", low=1, high=4096),
        Param("mu", 20.0, "weight of the auxiliary length", low=0.0, high=1e4),
    ),
    ablations=(
        Ablation("no-taap", "the tower's own text feature", {"taap": False}),
        Ablation("no-agsf", "no fusion", {"fusion": "none"}),
        Ablation("agsf-transformer", "transformer for state space", {"fusion": "transformer"}),
        Ablation("agsf-gate", "the gate alone", {"fusion": "gate"}),
        Ablation("no-global", "no image to text alignment", {"global_weight": 0.0}),
        Ablation("no-local", "no image to prompt alignment", {"local_weight": 0.0}),
        Ablation("no-intra", "no likelihood within a modality", {"intra": 0.0}),
        Ablation("no-inter", "no likelihood across modalities", {"inter": 0.0}),
        Ablation("no-quantisation", "no quantisation", {"sigma": 0.0}),
        Ablation("no-reconstruction", "no reconstruction", {"delta": 0.0}),
        Ablation("no-auxiliary", "no weight on the auxiliary length", {"mu": 0.0, "delta": 0.0}),
        Ablation("sigma-0.01", "weaker quantisation", {"sigma": 0.01}),
        Ablation("sigma-1", "stronger quantisation", {"sigma": 1.0}),
        Ablation("alpha-0", "plain features alone", {"alpha": 0.0}),
        Ablation("alpha-0.25", "less of the fused feature", {"alpha": 0.25}),
        Ablation("alpha-0.75", "more of the fused feature", {"alpha": 0.75}),
        Ablation("alpha-1", "fused features alone", {"alpha": 1.0}),
        Ablation("prompt-none", "context tokens without classes", {"prompt": "none"}),
        Ablation("zero-shot", "classes predicted from their names", {"predictor": "zero-shot"}),
        Ablation(
            "true-prompt-training",
            "true labels in training prompts, predicted ones at encoding",
            {"train_prompt": "ground-truth"},
        ),
        Ablation("frozen-context", "context tokens never trained, as released", {"context": False}),
        Ablation("released-grn", "a normalisation that does nothing", {"grn": "released"}),
        Ablation("frozen-towers", "no block is tuned", {"backbone_lr": 0.0}),
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
