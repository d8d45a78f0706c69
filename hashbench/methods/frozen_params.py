"""Parameters that methods on frozen features share; for cards, without torch."""

from __future__ import annotations

from hashbench.plan.card import Param


def training_params(
    epochs: int, batch_size: int, lr: float, weight_decay: float
) -> tuple[Param, ...]:
    """What every method that trains heads can be set, with the defaults of one."""
    return (
        Param("epochs", epochs, "epochs", low=1, high=10000),
        Param("batch_size", batch_size, "items a step", low=2, high=65536),
        Param("lr", lr, "highest learning rate of the heads", low=0.0, high=10.0),
        Param(
            "weight_decay", weight_decay, "decoupled weight decay of the heads", low=0.0, high=10.0
        ),
    )


def tuning_params(backbone_lr: float) -> tuple[Param, ...]:
    """What methods can be set that tune the backbone's last blocks where they are asked to."""
    return (
        Param(
            "tuned_blocks",
            0,
            "how many last blocks of both towers run anew in training, and are tuned; 0: heads are "
            "trained on frozen features",
            low=0,
            high=64,
        ),
        Param(
            "backbone_lr",
            backbone_lr,
            "highest learning rate of the tuned blocks; 0 leaves them as they are",
            low=0.0,
            high=1.0,
        ),
    )


DROPOUT = Param("dropout", 0.2, "dropout of the logits of bits, in training", low=0.0, high=0.99)

CLASS_CODES = Param(
    "codes",
    "hadamard",
    "from class scores to bits: rows of a Hadamard matrix that the seed draws (hadamard), "
    "or the principal directions of the scores, rotated by ITQ (itq)",
    choices=("hadamard", "itq"),
)
COVARIANCE_RIDGE = Param(
    "ridge",
    1e-4,
    "added to the diagonal of covariances, as a share of its mean",
    low=1e-12,
    high=1e6,
)
ROTATION_ROUNDS = Param("rounds", 50, "rounds of rotation and quantisation", low=0, high=10000)
