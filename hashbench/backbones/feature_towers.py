"""Two frozen towers without a common space: EfficientNet-Lite0 for pictures, MiniLM for texts.

This is the class of encoders that most published tables of the field used (CNN-F and bags of
words). Cosines between their features mean nothing, so that methods which score pictures against
prompts refuse them (`registry.has_joint_space`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hashbench.backbones import lite0, minilm
from hashbench.backbones.clip import FloatArray

IMAGE_SIZE = 192


class FeatureTowers:
    """The face of `ClipBackbone` over the two towers; image and text features differ in width."""

    reads_end_token = False

    def __init__(self, device: torch.device, precision: str = "fp32") -> None:
        self.device = device
        self.image_size = (IMAGE_SIZE, IMAGE_SIZE)
        self.context_length = minilm.MAX_TOKENS
        self._images = lite0.Lite0().to(device)
        self._texts = minilm.MiniLM().to(device)
        self._precision = precision

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, L) word-piece ids, zeros behind the shorter texts."""
        return self._texts.tokenise(sentences)

    def lengths(self, tokens: Tensor) -> Tensor:
        """(n) tokens of each text, start and end included."""
        return (tokens != minilm.PAD).sum(1)

    def pixels(self, picture: Image.Image) -> FloatArray:
        """(3, 192, 192): the short side by bicubic resampling, the centre, (x - 127) / 128."""
        rgb = picture.convert("RGB")
        side = min(rgb.size)
        left, top = ((length - side) // 2 for length in rgb.size)
        square = rgb.resize(
            self.image_size, Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
        )
        scaled = (np.asarray(square, np.float32) - np.float32(127)) / np.float32(128)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))

    def grey(self) -> FloatArray:
        """(3, 192, 192) of a picture in the mean colour."""
        return np.zeros((3, *self.image_size), np.float32)

    @torch.inference_mode()
    def encode_images(self, batch: FloatArray) -> FloatArray:
        """(n, 3, 192, 192) from `pixels` -> (n, 1280), not normalised."""
        pixels = torch.from_numpy(batch).to(self.device, memory_format=torch.channels_last)
        with self._autocast():
            pooled = self._images(pixels).pooled
        return np.asarray(pooled.float().cpu().numpy(), np.float32)

    @torch.inference_mode()
    def encode_tokens(self, tokens: Tensor) -> FloatArray:
        """(n, L) ids -> (n, 384) unit features; cut behind the batch's longest text."""
        longest = int(self.lengths(tokens).max())
        with self._autocast():
            features = self._texts(tokens[:, :longest].to(self.device))
        return np.asarray(features.float().cpu().numpy(), np.float32)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)
