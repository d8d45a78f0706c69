"""The towers' last blocks, which methods may tune: their inputs, and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.openclip_import import open_clip
from hashbench.errors import InputError

if TYPE_CHECKING:
    from hashbench.backbones.clip import FloatArray
    from hashbench.backbones.encoders import Encoders

HalfArray = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Tail:
    """The end of a tower as tensors: `blocks` are state dicts, `projection` (w, d) or None."""

    blocks: list[dict[str, Tensor]]
    norm: dict[str, Tensor]
    projection: Tensor | None
    heads: int
    activation: str


class TunableClip:
    """A CLIP backbone whose towers are plain transformers, as all ViTs of OpenAI's kind are.

    Raises InputError for another model, and where it has fewer blocks than shall be tuned.
    """

    def __init__(self, backbone: Encoders, name: str, last: int) -> None:
        if not (isinstance(backbone, ClipBackbone) and _has_plain_towers(backbone)):
            raise InputError(
                f"the towers of {name} have no blocks that can be tuned",
                where="--backbone",
                remedy="a ViT of OpenAI's kind, such as ViT-B-16, or picturebook-clip",
            )
        self._backbone = backbone
        self._model: Any = backbone.model
        self._last = last
        towers = (self._model.transformer, self._model.visual.transformer)
        depth = min(len(tower.resblocks) for tower in towers)
        if last > depth:
            raise InputError(
                f"{last} blocks shall be tuned, but a tower of {name} has {depth}",
                where="--set tuned_blocks",
            )

    def images(self, pixels: FloatArray) -> tuple[HalfArray, FloatArray]:
        """(n, 3, height, width) -> the first tuned block's input (n, P, w), the class token first,
        and the features (n, d) of the whole tower.
        """
        with _inputs_of(self._model.visual.transformer, self._last) as inputs:
            features = self._backbone.encode_images(pixels)
        return _half(inputs[0]), features

    def texts(self, tokens: Tensor) -> HalfArray:
        """(n, L) ids, which may be cut behind the longest -> (n, L, w)."""
        with _inputs_of(self._model.transformer, self._last) as inputs:
            self._backbone.encode_tokens(tokens, cut=False)
        return _half(inputs[0])

    def tails(self) -> tuple[Tail, Tail]:
        """Weights of the tuned blocks and what follows them: of pictures, of texts."""
        model, visual = self._model, self._model.visual
        projection = model.text_projection
        if isinstance(projection, torch.nn.Linear):
            projection = projection.weight.T
        return (
            _tail(visual.transformer, self._last, visual.ln_post, visual.proj),
            _tail(model.transformer, self._last, model.ln_final, projection),
        )


def _has_plain_towers(backbone: ClipBackbone) -> bool:
    model: Any = backbone.model
    visual: Any = getattr(model, "visual", None)
    return (
        hasattr(getattr(visual, "transformer", None), "resblocks")
        and hasattr(getattr(model, "transformer", None), "resblocks")
        and getattr(visual, "attn_pool", None) is None
        and getattr(visual, "pool_type", "") == "tok"
        and backbone.reads_end_token
    )


@contextmanager
def _inputs_of(transformer: Any, last: int) -> Iterator[list[Tensor]]:
    """Collects what goes into the first of the last blocks, as (n, L, w)."""
    inputs: list[Tensor] = []

    def keep(module: Any, arguments: tuple[Tensor, ...]) -> None:  # noqa: ARG001
        first = transformer.batch_first
        inputs.append(arguments[0] if first else arguments[0].transpose(0, 1))

    handle = transformer.resblocks[-last].register_forward_pre_hook(keep)
    try:
        yield inputs
    finally:
        handle.remove()


def _half(values: Tensor) -> HalfArray:
    half = values.to(torch.float16).cpu().numpy()
    if not np.isfinite(half).all():
        raise InputError("its activations do not fit half precision", where="--backbone")
    return np.asarray(half, np.float16)


def _tail(transformer: Any, last: int, norm: Any, projection: Tensor | None) -> Tail:
    blocks = list(transformer.resblocks)[-last:]
    quick = isinstance(blocks[0].mlp.gelu, open_clip().transformer.QuickGELU)
    return Tail(
        blocks=[_float(block.state_dict()) for block in blocks],
        norm=_float(norm.state_dict()),
        projection=None if projection is None else projection.detach().float().clone(),
        heads=int(blocks[0].attn.num_heads),
        activation="quickgelu" if quick else "gelu",
    )


def _float(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().float().clone() for name, value in state.items()}
