"""The inputs of the first tuned block: cached for some items, computed anew for all others.

They are kept in half precision: tokens of pictures as a block, tokens of captions one behind the
other without padding. Which items share a batch must not matter to the last bit, or a run would
depend on what is cached. So every batch has one shape: pictures are encoded `PICTURES` at once and
captions `CAPTIONS` at once, cut to a length that follows from the caption alone, the rest of a
batch being padding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hashbench.backbones.augmentation import View
from hashbench.backbones.pictures import PictureReader
from hashbench.datasets.base import Dataset, IntArray
from hashbench.files.growing_arrays import map_array

if TYPE_CHECKING:
    from hashbench.backbones.blocks import HalfArray, TunableClip
    from hashbench.backbones.clip import FloatArray
    from hashbench.backbones.encoders import Encoders

PICTURES = 64
CAPTIONS = 64
LENGTH_STEP = 8
"""Captions are cut to the next multiple of this."""

BATCHES = f"{PICTURES} pictures, {CAPTIONS} captions cut to multiples of {LENGTH_STEP}"
"""Part of the key of cached block inputs, whose last bits depend on it."""


@dataclass(frozen=True)
class KeptRows:
    """Where cached rows lie: of N items or captions, those of `kept` (sorted) are 0, 1, 2, ..."""

    kept: IntArray

    def of(self, wanted: IntArray) -> IntArray:
        """(n) rows of what is wanted, -1 where it is not cached."""
        if not len(self.kept):
            return np.full(len(wanted), -1, np.int64)
        rows = np.searchsorted(self.kept, wanted).clip(max=len(self.kept) - 1)
        return np.where(self.kept[rows] == wanted, rows, -1)


@dataclass(frozen=True)
class StoredCaptions:
    """Block inputs of captions in an entry, `texts` (T, w) float16: those of caption m are rows
    `starts[m]` up to `starts[m + 1]`.
    """

    entry: Path
    starts: IntArray

    def pieces(self, rows: IntArray) -> list[HalfArray]:
        """(L, w) of each caption."""
        # mapped anew each time: what stays mapped counts as this process's memory
        texts = map_part(self.entry, "texts")
        return [texts[self.starts[row] : self.starts[row + 1]] for row in rows]

    def captions(self, rows: IntArray) -> tuple[HalfArray, IntArray]:
        """As `BlockInputs.captions`."""
        return together(self.pieces(rows))


class LiveEncoder:
    """Block inputs computed anew from pictures and captions, by the frozen part of the towers.

    The model is loaded at the first use.
    """

    def __init__(
        self,
        backbone: Callable[[], Encoders],
        tunable: Callable[[], TunableClip],
        dataset: Dataset,
    ) -> None:
        self._load = (backbone, tunable)
        self._dataset = dataset
        self._reads: dict[int, Future[FloatArray]] = {}

    @functools.cached_property
    def _backbone(self) -> Encoders:
        return self._load[0]()

    @functools.cached_property
    def _tunable(self) -> TunableClip:
        return self._load[1]()

    @functools.cached_property
    def _reader(self) -> PictureReader:
        return PictureReader(self._backbone, self._dataset, skip_broken=False)

    @functools.cached_property
    def _captions(self) -> list[str]:
        return [caption for captions in self._dataset.captions for caption in captions]

    def prefetch(self, items: IntArray) -> None:
        """Begins to read the pictures that `images` will be asked for next."""
        self._reads = dict(zip(items.tolist(), self._reader.request(items), strict=True))

    def images(self, items: IntArray) -> HalfArray:
        """(n, P, w) of pictures. Raises DamagedFileError for one that cannot be read any more."""
        if not all(item in self._reads for item in items.tolist()):
            self.prefetch(items)
        reads, self._reads = self._reads, {}
        pixels = np.stack([reads[item].result() for item in items.tolist()])
        return encode_pictures(self._tunable, pixels)[0]

    def views(
        self, batches: Sequence[IntArray], views: Sequence[Sequence[View]]
    ) -> Iterator[tuple[HalfArray, FloatArray]]:
        """(n, P, w) and features (n, d) of views of pictures, batch by batch; the next batch is
        read meanwhile. Raises DamagedFileError for one that cannot be read any more.
        """
        for pixels in self._reader.batches(batches, views):
            yield encode_pictures(self._tunable, pixels)

    def captions(self, captions: IntArray) -> list[HalfArray]:
        """(L, w) of each caption, given their numbers among all captions."""
        tokens = self._backbone.tokenise([self._captions[number] for number in captions])
        out: list[HalfArray] = [np.empty((0, 0), np.float16)] * len(captions)
        lengths = self._backbone.lengths(tokens).numpy()
        for rows in caption_batches(lengths):
            encoded = encode_captions(self._tunable, tokens[rows], lengths[rows])
            for row, values in zip(rows.tolist(), encoded, strict=True):
                out[row] = values
        return out


@dataclass(frozen=True)
class BlockInputs:
    """Block inputs of all items and captions; what is not in the entry comes from `live`.

    The entry holds `images` (k, P, w) float16 of `items`, and `texts` are those of the captions of
    `captions_kept`.
    """

    entry: Path
    items: KeptRows
    captions_kept: KeptRows
    texts: StoredCaptions
    live: LiveEncoder

    @property
    def key(self) -> str:
        return self.entry.name

    def streams(self, items: IntArray) -> bool:
        """Whether pictures have to be read for the block inputs of items."""
        return bool((self.items.of(items) < 0).any())

    def prefetch(self, items: IntArray) -> None:
        """Begins to read the pictures of items that are not in the entry."""
        missing = items[self.items.of(items) < 0]
        if len(missing):
            self.live.prefetch(missing)

    def images(self, items: IntArray) -> HalfArray:
        """(n, P, w) of items, the class token first."""
        rows = self.items.of(items)
        cached = rows >= 0
        if cached.all():
            return map_part(self.entry, "images")[rows]
        encoded = self.live.images(items[~cached])
        values = np.empty((len(items), *encoded.shape[1:]), np.float16)
        values[~cached] = encoded
        values[cached] = map_part(self.entry, "images")[rows[cached]]
        return values

    def captions(self, captions: IntArray) -> tuple[HalfArray, IntArray]:
        """(n, L, w') tokens of captions, zeros behind the shorter ones, and their lengths (n)."""
        rows = self.captions_kept.of(captions)
        cached = rows >= 0
        pieces = self.texts.pieces(rows.clip(min=0))
        if not cached.all():
            encoded = self.live.captions(captions[~cached])
            for place, values in zip(np.flatnonzero(~cached), encoded, strict=True):
                pieces[place] = values
        return together(pieces)


def map_part(entry: Path, part: str) -> HalfArray:
    """An array of an entry."""
    return map_array(entry / f"{part}.npy", remedy=f"hashbench cache rm {entry.name}")


def together(pieces: Sequence[HalfArray]) -> tuple[HalfArray, IntArray]:
    """n captions (L, w) as (n, longest L, w), zeros behind shorter ones, and their lengths (n)."""
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    values = np.zeros((len(pieces), lengths.max(initial=0), pieces[0].shape[1]), np.float16)
    for row, piece in enumerate(pieces):
        values[row, : len(piece)] = piece
    return values, lengths


def encode_pictures(tunable: TunableClip, pixels: FloatArray) -> tuple[HalfArray, FloatArray]:
    """(n, P, w) and features (n, d) of pictures, `PICTURES` at once."""
    tokens, features = [], []
    for part in slices(len(pixels), PICTURES):
        encoded = tunable.images(padded(pixels[part], PICTURES))
        rows = part.stop - part.start
        tokens.append(encoded[0][:rows])
        features.append(encoded[1][:rows])
    return np.concatenate(tokens), np.concatenate(features)


def encode_captions(tunable: TunableClip, tokens: Tensor, lengths: IntArray) -> list[HalfArray]:
    """(L, w) of each of at most `CAPTIONS` captions (n, context) of one `caption_batches`."""
    cut = min(int(-(-lengths.max() // LENGTH_STEP) * LENGTH_STEP), tokens.shape[1])
    ids = torch.zeros(CAPTIONS, cut, dtype=tokens.dtype)
    ids[: len(tokens)] = tokens[:, :cut]
    values = tunable.texts(ids)
    return [values[row, :length] for row, length in enumerate(lengths.tolist())]


def caption_batches(lengths: IntArray) -> list[IntArray]:
    """Rows of captions, shortest first, in batches whose lengths are rounded up to one value."""
    rounded = -(-lengths // LENGTH_STEP)
    order = np.argsort(rounded, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(rounded[order])) + 1)
    return [group[part] for group in groups for part in slices(len(group), CAPTIONS)]


def slices(total: int, size: int) -> list[slice]:
    """Consecutive parts of `total` rows, at most `size` each."""
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


def padded(pixels: FloatArray, size: int) -> FloatArray:
    """`pixels` with zeros behind them, up to `size` pictures."""
    if len(pixels) == size:
        return pixels
    out = np.zeros((size, *pixels.shape[1:]), pixels.dtype)
    out[: len(pixels)] = pixels
    return out
