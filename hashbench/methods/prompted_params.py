"""Parameters and ablations that PromptHash and PGHMH have in common; for cards, without torch.

Their defaults suit the built-in pictures; what the releases use stands in the help.
"""

from __future__ import annotations

from hashbench.plan.card import Ablation, Param

SOURCES = ("predicted", "none", "ground-truth")

OPTIMISATION = (
    Param("epochs", 8, "epochs", low=1, high=10000),
    Param("batch_size", 64, "items a step", low=2, high=65536),
    Param("lr", 1e-3, "highest learning rate of heads and prompt context", low=0.0, high=1.0),
    Param("fusion_lr", 0.1, "that of the fusion, as a share of lr", low=0.0, high=10.0),
    Param("backbone_lr", 1e-4, "that of the tuned blocks; 0 freezes them", low=0.0, high=1.0),
    Param(
        "prompt_lr",
        1e-4,
        "that of the prompt transformer; the releases train it at the rate of the tuned blocks",
        low=0.0,
        high=1.0,
    ),
    Param("weight_decay", 0.01, "decoupled weight decay", low=0.0, high=10.0),
    Param(
        "optimiser",
        "adamw",
        "adamw, or bertadam as released: the same without bias correction",
        choices=("adamw", "bertadam"),
    ),
    Param(
        "patience",
        0,
        "epochs without a better score of what --select goes by after which training stops; "
        "0: never",
        low=0,
        high=10000,
    ),
    Param("tuned_blocks", 2, "how many last blocks of both towers are tuned", low=1, high=64),
)

TRAIN_PROMPT = Param(
    "train_prompt",
    "as-encoded",
    "where they come from in training; true labels of training items are no leak",
    choices=("as-encoded", *SOURCES),
)

PREDICTION = (
    Param(
        "predictor",
        "trained",
        "what predicts classes: a classifier trained on the training labels, or the class names "
        "alone (zero-shot)",
        choices=("trained", "zero-shot"),
    ),
    Param("ridge", 1e-3, "ridge penalty of the trained classifier", low=0.0, high=1e6),
    Param(
        "folds",
        5,
        "training items are prompted with predictions of classifiers that did not see them, fitted "
        "on the other folds; 1: with those of the classifier that did",
        low=1,
        high=100,
    ),
    Param("slots", 8, "most predicted classes in a prompt; true ones are not cut", low=1, high=64),
)

PROMPT_READING = (
    Param("eta", 1.0, "weight of the prompt in the text feature, where it starts", low=0, high=100),
    Param("eta_trained", default=True, help="eta is learned; no: it stays as it is"),
    Param(
        "prompt_state",
        "caption-end",
        "which state stands for the prompt: the one at the position of the caption's end token "
        "(as released), or the mean over its tokens",
        choices=("caption-end", "mean"),
    ),
    Param("context", default=True, help="the prompt's context vectors are trained"),
)

ABLATIONS = (
    Ablation("constant-eta", "eta is not learned", {"eta_trained": False}),
    Ablation("mean-prompt-state", "the mean over the prompt's tokens", {"prompt_state": "mean"}),
    Ablation("frozen-context", "context vectors never trained, as released", {"context": False}),
    Ablation("zero-shot", "classes predicted from their names", {"predictor": "zero-shot"}),
    Ablation(
        "in-sample-prompts",
        "training prompts from the classifier that was fitted on the same items",
        {"folds": 1},
    ),
    Ablation(
        "true-prompt-training",
        "true labels in training prompts, predicted ones at encoding",
        {"train_prompt": "ground-truth"},
    ),
    Ablation("frozen-towers", "no block is tuned", {"backbone_lr": 0.0}),
    Ablation("bertadam", "Adam without bias correction, as released", {"optimiser": "bertadam"}),
    Ablation("no-reconstruction", "no reconstruction", {"delta": 0.0}),
    Ablation("no-auxiliary", "no weight on the auxiliary length", {"mu": 0.0, "delta": 0.0}),
)
