"""Data of the shapes of a run with features that are made up, to measure what the run will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hashbench.backbones.block_inputs import BlockInputs, KeptRows, LiveEncoder, StoredCaptions
from hashbench.backbones.blocks import HalfArray
from hashbench.backbones.feature_store import Features, FeatureStore
from hashbench.backbones.pretrained_config import TowerShape
from hashbench.datasets.base import Dataset, FloatArray, IntArray
from hashbench.datasets.splits import Split

BASE_ROWS = 64
"""Random block inputs are made once and repeat after so many items."""


@dataclass(frozen=True)
class MadeUpBlocks(BlockInputs):
    """Block inputs of the right shapes, made up."""

    shape: TowerShape
    caption_tokens: int

    def images(self, items: IntArray) -> HalfArray:
        """(n, P, w)."""
        return self._values(items, self.shape.image_tokens, self.shape.image_width)

    def captions(self, captions: IntArray) -> tuple[HalfArray, IntArray]:
        """(n, L, w') and lengths (n), all captions being of the mean length."""
        values = self._values(captions, self.caption_tokens, self.shape.text_width)
        return values, np.full(len(captions), self.caption_tokens, np.int64)

    def streams(self, items: IntArray) -> bool:  # noqa: ARG002
        """Nothing is read for them."""
        return False

    def prefetch(self, items: IntArray) -> None:
        """Nothing is to be read."""

    def _values(self, numbers: IntArray, tokens: int, width: int) -> HalfArray:
        rng = np.random.default_rng(len(numbers))
        base = rng.standard_normal((BASE_ROWS, tokens, width), np.float32).astype(np.float16)
        return np.asarray(base[numbers % BASE_ROWS], np.float16)


class MadeUpStore(FeatureStore):
    """A cache whose features are made up; the backbone itself is the real one."""

    def prompts(self, sentences: Sequence[str]) -> FloatArray:
        """(k, d)."""
        return _random(len(sentences), self.source.config.shape.dim)

    def features(self, dataset: Dataset) -> Features:
        """Pooled features of all items and captions."""
        counts = [len(texts) for texts in dataset.captions]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        dim = self.source.config.shape.dim
        images, texts = _random(len(dataset), dim), _random(int(offsets[-1]), dim)
        return Features(images, texts, offsets, "made up", computed=False)

    def blocks(self, dataset: Dataset, last: int, caption_tokens: float) -> BlockInputs:
        """Inputs of the `last` blocks for any items, each caption of so many tokens."""
        none = np.zeros(0, np.int64)
        live = LiveEncoder(lambda: self.backbone, lambda: self.tunable(last), dataset)
        kept, tokens = KeptRows(none), max(1, round(caption_tokens))
        stored = StoredCaptions(Path(), none)
        return MadeUpBlocks(Path(), kept, kept, stored, live, self.source.config.shape, tokens)


def reduced(
    dataset: Dataset, split: Split, fitted: IntArray, queries: int
) -> tuple[Dataset, Split]:
    """A dataset and split of these fitted items, the validation queries, and so many queries.

    Its pictures are still numbered as in the whole dataset, and are not to be read.
    """
    items = np.unique(np.concatenate([fitted, split.validation, split.query[:queries]]))

    def rows(part: IntArray) -> IntArray:
        return np.searchsorted(items, part)

    shipped = dataset.features
    part = replace(
        dataset,
        ids=[dataset.ids[item] for item in items],
        labels=dataset.labels[items],
        captions=[dataset.captions[item] for item in items],
        roles={},
        features=None if shipped is None else (shipped[0][items], shipped[1][items]),
    )
    return part, Split(
        split.name,
        query=rows(split.query[:queries]),
        database=rows(np.union1d(fitted, split.validation)),
        train_fit=rows(fitted),
        validation=rows(split.validation),
        hash=split.hash,
    )


def _random(rows: int, width: int) -> FloatArray:
    return np.random.default_rng(rows).standard_normal((rows, width), np.float32)
