"""What tuning the last blocks of both towers starts from: cached inputs, and the blocks' weights.

The cache holds the inputs of the first tuned block in half precision: tokens of pictures as a
block, tokens of captions one behind the other without padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hashbench.backbones.openclip_import import open_clip
from hashbench.datasets.base import IntArray
from hashbench.errors import InputError
from hashbench.files.growing_arrays import save_array

if TYPE_CHECKING:
    from hashbench.backbones.cache_writer import Building
    from hashbench.backbones.clip import ClipBackbone, FloatArray

HalfArray = npt.NDArray[np.float16]


@dataclass(frozen=True)
class BlockInputs:
    """Memory maps: `images` (N, P, w) and `texts` (T, w') float16.

    Caption m, counted over all captions of all items, is rows `starts[m]` up to `starts[m + 1]`.
    """

    images: HalfArray
    texts: HalfArray
    starts: IntArray
    key: str

    def captions(self, rows: IntArray) -> tuple[HalfArray, IntArray]:
        """(n, L, w') tokens of captions, zeros behind the shorter ones, and their lengths (n)."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        steps = np.arange(lengths.max(initial=0))
        there = steps[None, :] < lengths[:, None]
        values = np.zeros((*there.shape, self.texts.shape[1]), np.float16)
        values[there] = self.texts[(self.starts[rows][:, None] + steps)[there]]
        return values, lengths


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

    def __init__(self, backbone: ClipBackbone, name: str, last: int) -> None:
        self._backbone = backbone
        self._model: Any = backbone.model
        self._last = last
        model: Any = self._model
        visual: Any = getattr(model, "visual", None)
        plain = (
            hasattr(getattr(visual, "transformer", None), "resblocks")
            and hasattr(getattr(model, "transformer", None), "resblocks")
            and getattr(visual, "attn_pool", None) is None
            and getattr(visual, "pool_type", "") == "tok"
            and getattr(model, "text_pool_type", "argmax") == "argmax"
        )
        if not plain:
            raise InputError(
                f"the towers of {name} have no blocks that can be tuned",
                where="--backbone",
                remedy="a ViT of OpenAI's kind, such as ViT-B-16, or picturebook-clip",
            )
        depth = min(len(model.transformer.resblocks), len(visual.transformer.resblocks))
        if last > depth:
            raise InputError(
                f"{last} blocks shall be tuned, but a tower of {name} has {depth}",
                where="--set tuned_blocks",
            )

    @torch.inference_mode()
    def images(self, pixels: FloatArray) -> HalfArray:
        """(n, 3, size, size) -> (n, P, w), the class token first."""
        with _inputs_of(self._model.visual.transformer, self._last) as caught:
            self._backbone.encode_images(pixels)
        return _half(caught[0])

    @torch.inference_mode()
    def texts(self, tokens: Tensor) -> HalfArray:
        """(n, context) ids -> (n, L, w), cut behind the longest."""
        with _inputs_of(self._model.transformer, self._last) as caught:
            self._backbone.encode_tokens(tokens)
        return _half(caught[0])

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


@contextmanager
def _inputs_of(transformer: Any, last: int) -> Iterator[list[Tensor]]:
    """Catches what goes into the first of the last blocks, as (n, L, w)."""
    caught: list[Tensor] = []

    def catch(module: Any, inputs: tuple[Tensor, ...]) -> None:  # noqa: ARG001
        first = transformer.batch_first
        caught.append(inputs[0] if first else inputs[0].transpose(0, 1))

    handle = transformer.resblocks[-last].register_forward_pre_hook(catch)
    try:
        yield caught
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
        blocks=[_plain(block.state_dict()) for block in blocks],
        norm=_plain(norm.state_dict()),
        projection=None if projection is None else projection.detach().float().clone(),
        heads=int(blocks[0].attn.num_heads),
        activation="quickgelu" if quick else "gelu",
    )


def _plain(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().float().clone() for name, value in state.items()}


def write_images(
    building: Building,
    count: int,
    batches: Callable[[int], Iterator[tuple[int, int, FloatArray]]],
    encode: Callable[[FloatArray], HalfArray],
) -> None:
    """Fills `images` from batches of pixels (start, stop, pixels) from a start on."""

    def pieces(done: int) -> Iterator[tuple[int, slice, HalfArray]]:
        for start, stop, pixels in batches(done):
            yield stop, slice(start, stop), encode(pixels)

    building.fill("images", count, pieces, np.float16)


def write_texts(
    building: Building,
    tokens: Tensor,
    batches: Callable[[int], Iterator[tuple[int, IntArray]]],
    encode: Callable[[Tensor], HalfArray],
) -> None:
    """Fills `texts` and `starts` from token ids (M, context), in batches (stop, rows)."""
    lengths = tokens.argmax(dim=1).numpy() + 1
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    save_array(building.folder / "starts.npy", starts)

    def pieces(done: int) -> Iterator[tuple[int, IntArray, HalfArray]]:
        for stop, rows in batches(done):
            values = encode(tokens[rows])
            steps = np.arange(values.shape[1])
            there = steps[None, :] < lengths[rows][:, None]
            yield stop, (starts[rows][:, None] + steps)[there], values[there]

    building.fill("texts", int(starts[-1]), pieces, np.float16)
