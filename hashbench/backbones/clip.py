"""A CLIP model behind one small face: pictures and sentences in, pooled features out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from hashbench.backbones.openclip_import import open_clip

FloatArray = npt.NDArray[np.float32]

TRANSFORM = "short side bicubic, centre crop, mean/std"
"""Names what `pixels` does; part of the key of cached features, so change it with the code."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ClipBackbone:
    """Frozen CLIP towers. `model` is an open_clip model in eval mode, `tokenise` its tokenizer."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.device = device
        size = model.visual.image_size
        self.image_size = int(size[0] if isinstance(size, tuple | list) else size)
        self.mean = np.asarray(getattr(model.visual, "image_mean", None) or CLIP_MEAN, np.float32)
        self.std = np.asarray(getattr(model.visual, "image_std", None) or CLIP_STD, np.float32)
        self.context_length = int(model.context_length)

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, context) BPE ids: start token, words, end token, zeros; cut to the context."""
        tokens = open_clip().tokenize(list(sentences), context_length=self.context_length)
        return torch.as_tensor(tokens)

    def pixels(self, picture: Image.Image) -> FloatArray:
        """(3, size, size) as the vision tower takes it, whatever the picture's size."""
        size = self.image_size
        scale = size / min(picture.size)
        resized = picture.convert("RGB")
        if scale != 1.0:
            target = [max(size, round(side * scale)) for side in picture.size]
            resized = resized.resize((target[0], target[1]), Image.Resampling.BICUBIC)
        left, top = ((side - size) // 2 for side in resized.size)
        cropped = resized.crop((left, top, left + size, top + size))
        scaled = np.asarray(cropped, np.float32) / np.float32(255)
        return np.ascontiguousarray(((scaled - self.mean) / self.std).transpose(2, 0, 1))

    def grey(self) -> FloatArray:
        """(3, size, size) of a picture in the mean colour."""
        return np.zeros((3, self.image_size, self.image_size), np.float32)

    @torch.inference_mode()
    def encode_images(self, batch: FloatArray) -> FloatArray:
        """(n, 3, size, size) from `pixels` -> (n, d), not normalised."""
        features = self.model.encode_image(torch.from_numpy(batch).to(self.device))
        return np.asarray(features.float().cpu().numpy(), np.float32)

    @torch.inference_mode()
    def encode_tokens(self, tokens: Tensor) -> FloatArray:
        """(n, context) ids -> (n, d), not normalised."""
        return np.asarray(self._text(tokens.to(self.device)).float().cpu().numpy(), np.float32)

    def _text(self, tokens: Tensor) -> Tensor:
        """The text tower, cut after the batch's last end token: the mask is causal, so nothing
        behind it can reach the end token's feature.
        """
        model = self.model
        if not hasattr(model, "token_embedding") or hasattr(model, "text"):
            return torch.as_tensor(model.encode_text(tokens))
        ends = tokens.argmax(dim=1)
        length = int(ends.max()) + 1
        embedded = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
        hidden = model.transformer(embedded, attn_mask=model.attn_mask[:length, :length])
        pooled = model.ln_final(hidden)[torch.arange(len(tokens)), ends]
        projection = model.text_projection
        if isinstance(projection, torch.nn.Linear):
            return torch.as_tensor(projection(pooled))
        return torch.as_tensor(pooled if projection is None else pooled @ projection)
