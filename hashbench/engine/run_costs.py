"""What a run's parts cost: its data with made-up features, and time of encoding and scoring."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hashbench.backbones import disk_estimate, registry
from hashbench.backbones.pictures import PictureReader
from hashbench.backbones.pretrained_config import SCRATCH, TowerShape
from hashbench.datasets import masks
from hashbench.datasets.base import Dataset, IntArray
from hashbench.datasets.splits import Split
from hashbench.engine.build import Prepared
from hashbench.engine.data import (
    assemble,
    is_noisy,
    load_dataset,
    no_report,
    require_encoders,
    split_of,
)
from hashbench.engine.encoding import encode
from hashbench.engine.made_up_data import MadeUpStore, reduced
from hashbench.engine.measuring import Budget, Timed, Work, timed
from hashbench.files.paths import cache_root
from hashbench.methods.base import Method
from hashbench.plan import catalog
from hashbench.plan.spec import RunSpec

PICTURES = 64
CAPTIONS = 64
ENCODED = 64
"""Pictures and captions that are encoded, and items that get codes, where that is cheap."""

OF_PICTURES, OF_TEXTS, OF_SCORING = 0.2, 0.1, 0.2
"""Shares of the time that measuring may take."""

PAIR_SECONDS = 1e-9
"""Of one (query, database item) pair in the evaluator, which takes 0.65 to 0.8 ns a pair."""


@dataclass(frozen=True)
class Costs:
    """What a spec leads to, and what its parts cost.

    `captions` counts those of all items, `caption_tokens` is the mean length of one; `blocks` says
    how many last blocks are tuned, `cached` whether (pooled features, block inputs) exist. What is
    measured is measured once.
    """

    spec: RunSpec
    dataset: Dataset
    split: Split
    store: MadeUpStore
    device: torch.device
    blocks: int
    captions: int
    caption_tokens: float
    cached: tuple[bool, bool]
    budget: Budget

    @classmethod
    def of(cls, spec: RunSpec, data_dir: Path, device: torch.device, budget: Budget) -> Costs:
        card = catalog.method(spec.method)
        dataset = load_dataset(spec.dataset, data_dir)
        blocks = card.tuned(spec.params)
        if blocks:
            require_encoders(dataset, spec.method)
        split = split_of(spec, dataset)
        source = registry.resolve(spec.backbone, data_dir)
        store = MadeUpStore(cache_root(data_dir), source, device, no_report)
        captions = sum(map(len, dataset.captions))
        shipped = dataset.features is not None
        cached = (True, True) if shipped else store.is_cached(dataset, blocks, split.train)
        tokens = 0.0
        if blocks:
            first = [texts[0] for texts in dataset.captions[:CAPTIONS]]
            backbone = store.backbone
            tokens = float(backbone.lengths(backbone.tokenise(first)).float().mean())
        return cls(spec, dataset, split, store, device, blocks, captions, tokens, cached, budget)

    @property
    def shape(self) -> TowerShape:
        return self.store.source.config.shape

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not counted, and what little was measured."""
        if self.store.source.name in SCRATCH:
            return ("training the backbone is not counted",)
        if "pictures" in vars(self) and self.pictures.largest < min(PICTURES, len(self.dataset)):
            return (f"pictures: measured {self.pictures.largest}",)
        return ()

    @property
    def cache_key(self) -> str:
        """Equal for runs that share all of their features."""
        train = self.split.hash if self.blocks else ""
        return f"{self.dataset.fingerprint} {self.spec.backbone} {self.blocks} {train}"

    def prepared(self, fitted: IntArray) -> Prepared:
        """The run's data with these fitted items, all features being made up."""
        dataset, split = reduced(self.dataset, self.split, fitted, ENCODED)
        visible = masks.visible_labels(
            dataset.labels[split.train], self.spec.labels, self.spec.seed
        )
        features = self.store.dataset(dataset) if dataset.features else self.store.features(dataset)
        blocks = (
            self.store.blocks(dataset, self.blocks, self.caption_tokens) if self.blocks else None
        )
        data = assemble(dataset, split, visible, features, self.device, blocks)
        card = catalog.method(self.spec.method)
        return Prepared(self.spec, card, data, self.store, self.blocks)

    def feature_seconds(self) -> float:
        """Of encoding what is not cached; block inputs and features come from one pass."""
        pooled, blocks = self.cached
        if self.store.source.name in SCRATCH:
            return 0.0
        # noisy captions are read by the towers for their features, and for inputs of tuned blocks
        texts = float(self.noisy_captions * (1 + bool(self.blocks)))
        pictures = 0
        if not (pooled and blocks):
            pictures = len(self.dataset) if not pooled else len(self.split.train)
            texts += pictures / len(self.dataset) * self.captions
        seconds = pictures * self.pictures.each if pictures else 0.0
        return seconds + (texts * self.texts.each if texts else 0.0)

    @property
    def noisy_captions(self) -> int:
        """How many captions training reads that the dataset has not."""
        if not is_noisy(self.spec.dataset):
            return 0
        return sum(len(self.dataset.captions[item]) for item in self.split.train_fit)

    @functools.cached_property
    def pictures(self) -> Timed:
        """Of reading pictures and taking them through the tower, as many at once as a run does
        where these are cheap.
        """
        backbone = self.store.backbone
        most = min(PICTURES, len(self.dataset))
        with closing(PictureReader(backbone, self.dataset, skip_broken=True)) as reader:

            def read(count: int) -> Work:
                batches = reader.batches([np.arange(count, dtype=np.int64)])
                return lambda: [backbone.encode_images(pixels) for pixels in batches]

            return timed(read, most, self.budget.share(OF_PICTURES))

    @functools.cached_property
    def texts(self) -> Timed:
        """Of taking captions through the tower."""
        backbone = self.store.backbone
        tokens = backbone.tokenise([captions[0] for captions in self.dataset.captions[:CAPTIONS]])

        def encoded(count: int) -> Work:
            return lambda: backbone.encode_tokens(tokens[:count])

        return timed(encoded, len(tokens), self.budget.share(OF_TEXTS))

    def scoring(self, method: Method, prepared: Prepared) -> Timed:
        """Of making codes."""
        method.eval()
        part = prepared.data.split.query

        def encoded(count: int) -> Work:
            return lambda: encode(method, prepared.data, part[:count], "query")

        return timed(encoded, len(part), self.budget.share(OF_SCORING))

    def scoring_seconds(self, coded: Timed, method: Method, epochs: int) -> float:
        """Of scoring after so many epochs, and once at the end, on queries against the database."""
        split, pairs, each = self.split, len(method.bits) * 2 * PAIR_SECONDS, coded.each
        live = 0.0
        if read_again := self._cache().read_again:
            live = read_again * (self.pictures.each + self.texts.each)
        asked, ranked = len(split.query), len(split.database)
        final = (asked + ranked) * each + asked * ranked * pairs + live
        if self.spec.select == "test":
            return (epochs + 1) * final
        asked, ranked = len(split.validation), len(split.train_fit)
        return epochs * ((asked + ranked) * each + asked * ranked * pairs) + final

    def _cache(self) -> disk_estimate.CacheEstimate:
        train = self.split.train
        return disk_estimate.estimate(
            self.shape,
            self.store.source.precision,
            items=len(self.dataset),
            captions=self.captions,
            train_items=len(train),
            train_captions=sum(len(self.dataset.captions[item]) for item in train),
            tunes_blocks=bool(self.blocks),
            caption_tokens=self.caption_tokens or None,
        )

    def cache_bytes(self) -> int:
        """Of the entries that are still to be made."""
        parts, (pooled, blocks) = self._cache(), self.cached
        noisy = self.noisy_captions * self.shape.dim * 4
        if self.blocks:
            noisy += disk_estimate.block_bytes(
                self.shape, 0, self.noisy_captions, self.caption_tokens
            )
        return (0 if pooled else parts.features) + (0 if blocks else parts.blocks) + noisy

    def code_bytes(self, bits: Sequence[int]) -> int:
        """Packed codes of both modalities and labels, for each length."""
        items = len(self.split.query) + len(self.split.database)
        codes = sum(math.ceil(length / 8) for length in bits) * 2
        return items * (codes + math.ceil(len(self.dataset.class_names) / 8))
