"""The world of picturebook: what scene `index` of the world `seed` looks like and is called.

Pure functions: every answer is determined by (seed, index) alone, whatever was asked before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hashbench.datasets.picturebook.captions import describe
from hashbench.datasets.picturebook.composition import CLASS_NAMES, Scene, compose
from hashbench.datasets.picturebook.drawing import draw

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["CLASS_NAMES", "captions", "image", "labels", "labels_and_captions"]

# Goes up by one whenever any answer of this module changes; part of every fingerprint.
GENERATOR_VERSION = 1


def labels(seed: int, index: int) -> NDArray[np.bool_]:
    """Which of the 24 CLASS_NAMES are true of the scene: shape (24,)."""
    return _row(compose(seed, index))


def image(seed: int, index: int) -> Image.Image:
    """The scene's picture: RGB, 64 x 64 pixels, a third of a millisecond of work."""
    return draw(compose(seed, index), seed, index)


def captions(seed: int, index: int) -> tuple[str, ...]:
    """The scene's captions, three; the first is the one that evaluation uses."""
    return describe(compose(seed, index), seed, index)


def labels_and_captions(seed: int, index: int) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """`labels` and `captions` at once, which composes the scene only once."""
    scene = compose(seed, index)
    return _row(scene), describe(scene, seed, index)


def _row(scene: Scene) -> NDArray[np.bool_]:
    return np.array([name in scene.classes for name in CLASS_NAMES], dtype=np.bool_)
