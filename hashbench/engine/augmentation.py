"""Which view of each picture an epoch trains on: a function of seed, stage, epoch and item."""

from __future__ import annotations

from hashbench.backbones.augmentation import View
from hashbench.datasets.base import IntArray
from hashbench.engine import randomness

HALF = 1 << 31


def views(seed: int, stage: str, epoch: int, items: IntArray) -> list[View]:
    """A view for each of the items, given by their places in the dataset.

    It does not depend on the batch that an item is in, so that a resumed epoch goes on as it began.
    """
    return [_view(randomness.derive(seed, "view", stage, epoch, item)) for item in items.tolist()]


def _view(draw: int) -> View:
    """A view out of 63 random bits: 31 for each side, one for the flip."""
    sides, flipped = divmod(draw, 2)
    top, left = divmod(sides, HALF)
    return View(bool(flipped), top / HALF, left / HALF)
