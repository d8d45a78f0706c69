"""What a run will cost, measured: `python -m hashbench.engine.estimate --data-dir DIR < spec.toml`.

A few steps of the real method are timed on random features of the right shapes, and a few pictures
are encoded where features are not cached. The measuring process trains as many items with as large
batches as the run would, so its own peak of memory is that of the run, but for features that are
mapped. Steps that take long are timed with small batches and extrapolated along a line.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch

from hashbench.backbones import disk_estimate, registry
from hashbench.backbones.pictures import PictureReader
from hashbench.backbones.pretrained_config import SCRATCH, TowerShape
from hashbench.datasets import masks
from hashbench.datasets.base import Dataset, IntArray
from hashbench.datasets.splits import Split
from hashbench.engine import pipeline, randomness
from hashbench.engine.build import Prepared, build_method
from hashbench.engine.data import (
    assemble,
    load_dataset,
    no_report,
    require_encoders,
    split_of,
)
from hashbench.engine.encoding import encode
from hashbench.engine.made_up_data import MadeUpStore, reduced
from hashbench.errors import HashbenchError
from hashbench.files.paths import cache_root
from hashbench.methods.base import Method, Stage, total
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import RunSpec

PICTURES = 8
CAPTIONS = 64
ENCODED = 64
SMALL = 8
"""Pictures and captions that are encoded, items that get codes, items of a small batch."""

BATCH = 64
"""Pictures that are encoded at once where that is cheap, as many as a run encodes at once."""

SEARCHED = 8
"""Items on which a stage without epochs is timed."""

STEP_SECONDS = 2.0
"""A step that takes longer is extrapolated from small batches."""

PAIR_SECONDS = 1e-9
"""Of one (query, database item) pair in the evaluator, which takes 0.65 to 0.8 ns a pair."""


def estimate(spec: RunSpec, data_dir: Path) -> RunEstimate:
    """What a run of the spec will cost on the device it asks for.

    Raises InputError for data or weights that are missing or unfit, as the run would.
    """
    device = pipeline.find_device(spec.device, None)
    torch.set_num_threads(spec.threads or torch.get_num_threads())
    randomness.deterministic()
    costs = _Costs.of(spec, data_dir, device)
    prepared = costs.prepared(costs.split.train_fit)
    began = time.perf_counter()
    method = build_method(prepared)
    training = time.perf_counter() - began
    memory = 0.0
    for stage in method.stages():
        if stage.epochs:
            seconds, more = _stage_cost(method, prepared, stage)
            memory = max(memory, more)
        else:
            seconds = costs.search_seconds(stage.name)
        training += seconds
    if spec.dataset.augment_images != "none":
        passes = sum(stage.epochs for stage in method.stages())
        training += passes * len(costs.split.train_fit) * costs.picture_seconds()
    epochs = sum(stage.epochs for stage in method.stages() if stage.selects)
    pooled = (len(costs.dataset) + costs.captions) * 4 * costs.shape.dim
    gpu = device.type == "cuda"
    return RunEstimate(
        feature_seconds=costs.feature_seconds(),
        training_seconds=training,
        scoring_seconds=costs.scoring_seconds(method, prepared, epochs),
        cache_key=costs.cache_key,
        cache_bytes=costs.cache_bytes(),
        run_bytes=_checkpoint_bytes(method) + costs.code_bytes(method.bits),
        memory_bytes=round(_peak() + memory) + (0 if costs.dataset.features else pooled),
        gpu_bytes=torch.cuda.max_memory_allocated(device) if gpu else 0,
        gpu_total=torch.cuda.get_device_properties(device).total_memory if gpu else 0,
        notes=costs.notes,
    )


@dataclass(frozen=True)
class _Costs:
    """What a spec leads to, and what its parts cost.

    `captions` counts those of all items, `caption_tokens` is the mean length of one; `blocks` says
    how many last blocks are tuned, `cached` whether (pooled features, block inputs) exist.
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

    @classmethod
    def of(cls, spec: RunSpec, data_dir: Path, device: torch.device) -> _Costs:
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
        return cls(spec, dataset, split, store, device, blocks, captions, tokens, cached)

    @property
    def shape(self) -> TowerShape:
        return self.store.source.config.shape

    @property
    def notes(self) -> tuple[str, ...]:
        if self.store.source.name in SCRATCH:
            return ("training the backbone is not counted",)
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

    def search_seconds(self, name: str) -> float:
        """Of a stage without epochs, if each item took as long as each of a few.

        That is an upper bound where items share work, as those of one label set do.
        """
        fitted = self.split.train_fit
        method = build_method(self.prepared(fitted[:SEARCHED]))
        (stage,) = (stage for stage in method.stages() if stage.name == name)
        return _seconds(lambda: method.begin_stage(stage)) * len(fitted) / SEARCHED

    def feature_seconds(self) -> float:
        """Of encoding what is not cached; block inputs and features come from one pass."""
        pooled, blocks = self.cached
        if (pooled and blocks) or self.store.source.name in SCRATCH:
            return 0.0
        items = len(self.dataset) if not pooled else len(self.split.train)
        share = items / len(self.dataset)
        return items * self.picture_seconds() + share * self.captions * self.text_seconds()

    def picture_seconds(self) -> float:
        """Of reading a picture and taking it through the tower; of a cheap tower's whole batch."""
        backbone = self.store.backbone

        def encoded(count: int) -> float:
            items = np.arange(min(count, len(self.dataset)), dtype=np.int64)
            batches = reader.batches([items])
            return _seconds(lambda: [backbone.encode_images(p) for p in batches]) / len(items)

        with closing(PictureReader(backbone, self.dataset, skip_broken=True)) as reader:
            encoded(1)  # what the first one does once
            each = encoded(PICTURES)
            return encoded(BATCH) if each * BATCH < STEP_SECONDS else each

    def text_seconds(self) -> float:
        """Of a caption."""
        backbone = self.store.backbone
        texts = [captions[0] for captions in self.dataset.captions[:CAPTIONS]]
        tokens = backbone.tokenise(texts)
        backbone.encode_tokens(tokens[:1])  # what the first one does once
        return _seconds(lambda: backbone.encode_tokens(tokens)) / len(texts)

    def scoring_seconds(self, method: Method, prepared: Prepared, epochs: int) -> float:
        """Of scoring after so many epochs, and once at the end, on queries against the database."""
        method.eval()
        part = prepared.data.split.query
        encode(method, prepared.data, part[:1], "query")  # what the first one does once
        each = _seconds(lambda: encode(method, prepared.data, part, "query")) / len(part)
        split, pairs = self.split, len(method.bits) * 2 * PAIR_SECONDS
        live = 0.0
        if read_again := self._cache().read_again:
            live = read_again * (self.picture_seconds() + self.text_seconds())
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
        return (0 if pooled else parts.features) + (0 if blocks else parts.blocks)

    def code_bytes(self, bits: Sequence[int]) -> int:
        """Packed codes of both modalities and labels, for each length."""
        items = len(self.split.query) + len(self.split.database)
        codes = sum(math.ceil(length / 8) for length in bits) * 2
        return items * (codes + math.ceil(len(self.dataset.class_names) / 8))


def _stage_cost(method: Method, prepared: Prepared, stage: Stage) -> tuple[float, float]:
    """Seconds of a stage, and bytes that its full batches take beyond what was measured."""
    began = time.perf_counter()
    method.begin_stage(stage)
    begin = time.perf_counter() - began
    optimiser = method.optimiser(stage)
    method.train()

    def step(size: int) -> float:
        (_, batch) = next(iter(prepared.data.batches(0, replace(stage, batch_size=size), 0, 0)))

        def descend() -> None:
            optimiser.zero_grad(set_to_none=True)
            total(method.losses(stage, batch).values()).backward()  # type: ignore[no-untyped-call]
            optimiser.step()

        return _seconds(descend)

    size = min(stage.batch_size, len(prepared.data.train))
    small = min(SMALL, size)
    step(small)  # what the first step does once is no part of the others
    before, least = _peak(), step(small)
    twice = min(2 * small, size)
    middle, peak = step(twice), _peak()
    slope = max(0.0, middle - least) / max(1, twice - small)
    seconds, more = middle + slope * (size - twice), 0.0
    if seconds <= STEP_SECONDS:
        step(size)
        seconds = min(step(size), step(size))
    else:
        more = (peak - before) / max(1, twice - small) * (size - twice)
    return begin + stage.epochs * stage.steps(len(prepared.data.train)) * seconds, more


def _checkpoint_bytes(method: Method) -> int:
    """Model, best model, and an optimiser with two averages of every trained tensor."""
    state = sum(int(value.nbytes) for value in method.state_dict().values())
    trained = sum(int(value.nbytes) for value in method.parameters() if value.requires_grad)
    return 2 * state + 2 * trained


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _peak() -> int:
    """Bytes of memory of this process at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Reads a spec, prints its estimate, or the error, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    given = parser.parse_args()
    try:
        answer: object = estimate(specs.from_toml(sys.stdin.buffer.read()), given.data_dir)
    except HashbenchError as error:
        answer = {"error": error.problem, "where": error.where, "remedy": error.remedy}
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
