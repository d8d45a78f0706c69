"""A CLIP model behind one small face: pictures and sentences in, pooled features out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from hashbench.backbones.augmentation import View
from hashbench.backbones.openclip_import import open_clip

FloatArray = npt.NDArray[np.float32]
Tokenizer = Callable[[list[str], int], Tensor]
"""(sentences, context length) -> (n, context) token ids."""


class ClipBackbone:
    """Frozen CLIP towers.

    `model` is an open_clip model, whose own preprocessing configuration is followed; `tokenizer`
    is open_clip's for that model, without one CLIP's byte pairs. `precision` is that of the
    towers' arithmetic: fp32, or bf16 for mixed precision as torch's autocast does it.
    """

    def __init__(
        self,
        model: Any,
        device: torch.device,
        tokenizer: Tokenizer | None = None,
        precision: str = "fp32",
    ) -> None:
        self.model = model.to(device).eval().requires_grad_(requires_grad=False)
        self.device = device
        self.tokenizer: Any = tokenizer or open_clip().tokenizer.SimpleTokenizer()
        self.context_length = int(model.context_length)
        self._precision = precision
        preprocess = open_clip().transform.PreprocessCfg(
            **open_clip().model.get_model_preprocess_cfg(model)
        )
        size = preprocess.size
        height, width = size if isinstance(size, tuple | list) else (size, size)
        self.image_size = (int(height), int(width))
        self._resample = Image.Resampling[preprocess.interpolation.upper()]
        self._transform = open_clip().transform.image_transform_v2(preprocess, is_train=False)

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, context) token ids as the text tower takes them, cut to the context."""
        return torch.as_tensor(self.tokenizer(list(sentences), self.context_length))

    @property
    def reads_end_token(self) -> bool:
        """Whether a text's feature is read at its end token, which sees only what stands before:
        the tower may then leave out everything behind it.
        """
        model = self.model
        return (
            hasattr(model, "token_embedding")
            and not hasattr(model, "text")
            and getattr(model, "text_pool_type", "argmax") == "argmax"
            and getattr(model, "attn_mask", None) is not None
        )

    def lengths(self, tokens: Tensor) -> Tensor:
        """(n) tokens of each text that reach its feature: up to the end token, or all of them."""
        if self.reads_end_token:  # CLIP's end token has the highest id
            return tokens.argmax(dim=1) + 1
        return torch.full((len(tokens),), tokens.shape[1])

    def pixels(self, picture: Image.Image, view: View | None = None) -> FloatArray:
        """(3, height, width) as the vision tower takes it, whatever the picture's size: of the
        picture as the weights want it prepared, or of a view of it.
        """
        if view is not None:  # which has the tower's size, so that it is not resized once more
            picture = view.of(picture, self.image_size, self._resample)
        return np.asarray(self._transform(picture).numpy(), np.float32)

    def grey(self) -> FloatArray:
        """(3, height, width) of a picture in the mean colour."""
        return np.zeros((3, *self.image_size), np.float32)

    @torch.inference_mode()
    def encode_images(self, batch: FloatArray) -> FloatArray:
        """(n, 3, height, width) from `pixels` -> (n, d), not normalised."""
        with self._autocast():
            features = self.model.encode_image(torch.from_numpy(batch).to(self.device))
        return np.asarray(features.float().cpu().numpy(), np.float32)

    @torch.inference_mode()
    def encode_tokens(self, tokens: Tensor, *, cut: bool = True) -> FloatArray:
        """(n, context) ids -> (n, d), not normalised.

        `cut`: leaves out what stands behind the batch's last end token, where nothing there
        matters; otherwise the ids may have been cut to some length before.
        """
        if cut and self.reads_end_token:
            tokens = tokens[:, : int(self.lengths(tokens).max())]
        with self._autocast():
            features = self._text(tokens.to(self.device))
        return np.asarray(features.float().cpu().numpy(), np.float32)

    def _text(self, tokens: Tensor) -> Tensor:
        """(n, L) ids -> (n, d); L is the context, or less where the end token is read."""
        model, length = self.model, tokens.shape[1]
        if not self.reads_end_token:
            return torch.as_tensor(model.encode_text(tokens))
        ends = tokens.argmax(dim=1)
        embedded = model.token_embedding(tokens) + model.positional_embedding[:length]
        hidden = model.transformer(embedded, attn_mask=model.attn_mask[:length, :length])
        pooled = model.ln_final(hidden)[torch.arange(len(tokens), device=self.device), ends]
        projection = model.text_projection
        if isinstance(projection, torch.nn.Linear):
            return torch.as_tensor(projection(pooled))
        return torch.as_tensor(pooled if projection is None else pooled @ projection)

    def _autocast(self) -> AbstractContextManager[object]:
        if self._precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)
