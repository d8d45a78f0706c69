"""Filling entries of the feature cache: pictures and captions go through the towers in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hashbench.backbones import block_inputs
from hashbench.backbones.block_inputs import caption_batches, encode_captions, padded, slices
from hashbench.backbones.cache_writer import BrokenPicture, EntryWriter
from hashbench.backbones.pictures import PictureReader
from hashbench.datasets.base import Dataset, IntArray

if TYPE_CHECKING:
    from hashbench.backbones.blocks import TunableClip
    from hashbench.backbones.clip import FloatArray
    from hashbench.backbones.encoders import Encoders

CAPTIONS = 256
"""Captions that are encoded at once for their features."""


@dataclass(frozen=True)
class PooledTask:
    """Features of all items of a dataset, to be written as `dtype`."""

    writer: EntryWriter
    dtype: npt.DTypeLike


@dataclass(frozen=True)
class BlocksTask:
    """Block inputs of some items of a dataset, sorted, to be written."""

    writer: EntryWriter
    tunable: TunableClip
    items: IntArray


class Extraction:
    """What one worker computes into entries, resumed where a killed one left them."""

    def __init__(
        self,
        backbone: Encoders,
        report: Callable[[str, int, int], None],
        *,
        skip_broken: bool = False,
    ) -> None:
        self._backbone = backbone
        self._report = report
        self._skip_broken = skip_broken

    def dataset(
        self, dataset: Dataset, pooled: PooledTask | None, blocks: BlocksTask | None
    ) -> None:
        """Fills the entries of a dataset that are given, in one pass over the pictures."""
        self._images(dataset, range(len(dataset)), pooled, blocks)
        captions = [caption for texts in dataset.captions for caption in texts]
        offsets = caption_offsets(dataset)
        if pooled is not None:
            pooled.writer.save("offsets", offsets)
            self.texts(pooled.writer, captions, pooled.dtype)
        if blocks is not None:
            numbers = captions_of(offsets, blocks.items)
            chosen = [captions[number] for number in numbers]
            self.block_texts(blocks.writer, blocks.tunable, chosen)

    def part(self, dataset: Dataset, task: PooledTask, pictures: range, captions: range) -> None:
        """Fills `images` with the features of some pictures, and `texts` with those of some
        captions, counted in the order in which captions are encoded; `rows` says which they are.

        Where both begin and end between batches, the features are those of the whole to the bit.
        """
        self._images(dataset, pictures, task, None)
        texts = [caption for texts in dataset.captions for caption in texts]
        self.texts(task.writer, texts, task.dtype, captions)

    def texts(
        self,
        writer: EntryWriter,
        sentences: Sequence[str],
        dtype: npt.DTypeLike,
        part: range | None = None,
    ) -> None:
        """Fills `texts` with the features of sentences, or of a part of them (see `part`)."""
        tokens = self._backbone.tokenise(sentences)
        # by length, so that each batch can be cut behind its longest sentence
        order = self._backbone.lengths(tokens).argsort(stable=True).numpy()
        places = order
        if part is not None:
            order = order[part.start : part.stop]
            places = np.arange(len(order), dtype=np.int64)
            writer.save("rows", order)
        array = writer.array("texts", len(order), dtype)
        left, to = order[array.done :], places[array.done :]
        for batch in slices(len(left), CAPTIONS):
            features = self._backbone.encode_tokens(tokens[left[batch]])
            array.write(to[batch], features, array.done + len(features))
            self._report("text features", array.done, len(order))

    def block_texts(
        self, writer: EntryWriter, tunable: TunableClip, captions: Sequence[str]
    ) -> None:
        """Fills `texts` with the block inputs of captions, and `starts` with where each begins."""
        tokens = self._backbone.tokenise(captions)
        lengths = self._backbone.lengths(tokens).numpy()
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        writer.save("starts", starts)
        array = writer.array("texts", int(starts[-1]), np.float16)
        seen = 0
        for rows in caption_batches(lengths):
            seen += len(rows)
            if seen <= array.done:
                continue
            encoded = encode_captions(tunable, tokens[rows], lengths[rows])
            index = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
            array.write(index, np.concatenate(encoded), seen)
            self._report("text tokens", seen, len(captions))

    def _images(
        self,
        dataset: Dataset,
        items: range,
        pooled: PooledTask | None,
        blocks: BlocksTask | None,
    ) -> None:
        features = _PooledImages(pooled, items) if pooled else None
        tokens = _BlockImages(blocks) if blocks else None
        batches = _batches(items.stop, features, tokens)
        what, total = "image tokens", len(blocks.items) if blocks else 0
        if pooled:
            what, total = "image features", len(items)
        left = sum(len(batch) for batch in batches)
        reader = PictureReader(self._backbone, dataset, skip_broken=self._skip_broken)
        with closing(reader):
            for batch, read in zip(batches, reader.batches(batches), strict=True):
                # one shape for all batches, see block_inputs
                pixels = padded(read, block_inputs.PICTURES)
                if tokens and tokens.wants(batch):
                    rows = tokens.write(batch, pixels)
                else:
                    rows = self._backbone.encode_images(pixels)
                if features and batch[0] >= features.done:
                    features.write(batch, rows[: len(batch)], reader.broken)
                left -= len(batch)
                self._report(what, max(0, total - left), total)


class _PooledImages:
    """Features of pictures on their way into the entry."""

    def __init__(self, task: PooledTask, items: range) -> None:
        self._array = task.writer.array("images", len(items), task.dtype)
        self._first = items.start
        self._writer = task.writer

    @property
    def done(self) -> int:
        """The first item that is left."""
        return self._first + self._array.done

    def write(self, batch: IntArray, rows: FloatArray, broken: Mapping[int, BrokenPicture]) -> None:
        """Rows of consecutive items, and which of their pictures are broken."""
        here = {item: broken[item] for item in batch.tolist() if item in broken}
        self._writer.broken.update(here)
        first, stop = int(batch[0]) - self._first, int(batch[-1]) + 1 - self._first
        self._array.write(slice(first, stop), rows, stop)


class _BlockImages:
    """Block inputs of pictures on their way into the entry."""

    def __init__(self, task: BlocksTask) -> None:
        self.array = task.writer.array("images", len(task.items), np.float16)
        self.items = task.items
        self._tunable = task.tunable

    def wants(self, batch: IntArray) -> bool:
        """Whether items of a sorted batch belong into the entry."""
        return bool(np.isin(batch, self.items[self.array.done :]).any())

    def write(self, batch: IntArray, pixels: FloatArray) -> FloatArray:
        """Encodes a batch, writes the block inputs that are wanted, and returns all features."""
        tokens, features = self._tunable.images(pixels)
        wanted = np.flatnonzero(np.isin(batch, self.items))
        first = int(np.searchsorted(self.items, batch[wanted[0]]))
        stop = first + len(wanted)
        self.array.write(slice(first, stop), tokens[wanted], stop)
        return features


def _batches(
    items: int, features: _PooledImages | None, tokens: _BlockImages | None
) -> list[IntArray]:
    """The pictures up to `items` that are left to read, each once.

    First those whose features exist and whose block inputs do not, then all without features.
    """
    done = features.done if features else items
    lacking = tokens.items[tokens.array.done :] if tokens else np.empty(0, np.int64)
    return [
        group[part]
        for group in (lacking[lacking < done], np.arange(done, items, dtype=np.int64))
        for part in slices(len(group), block_inputs.PICTURES)
    ]


def caption_offsets(dataset: Dataset) -> IntArray:
    """(N + 1) captions of item i are numbers `offsets[i]` up to `offsets[i + 1]` of all."""
    counts = [len(captions) for captions in dataset.captions]
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def captions_of(offsets: IntArray, items: IntArray) -> IntArray:
    """The numbers of all captions of items, among all captions."""
    counts = offsets[items + 1] - offsets[items]
    firsts: IntArray = np.repeat(offsets[items] - (np.cumsum(counts) - counts), counts)
    numbers: IntArray = np.arange(len(firsts), dtype=np.int64) + firsts
    return numbers
