"""The one way from a spec to a built method: data first, then the method on top of it.

The worker and the encoder of typed captions both come this way, so that they cannot disagree about
what a spec means.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hashbench.backbones import registry
from hashbench.backbones.blocks import Tail
from hashbench.backbones.feature_store import FeatureStore, Report
from hashbench.backbones.pretrained_config import SCRATCH
from hashbench.backbones.registry import BackboneSource
from hashbench.backbones.text_tower import FrozenTextTower
from hashbench.datasets.base import Dataset
from hashbench.datasets.masks import VisibleLabels
from hashbench.datasets.splits import Split
from hashbench.engine import randomness
from hashbench.engine.data import (
    Data,
    assemble,
    is_noisy,
    left_out,
    load_dataset,
    no_report,
    readable,
    require_encoders,
    require_joint_space,
    split_of,
    training_captions,
    visible_labels,
)
from hashbench.errors import InputError
from hashbench.files.paths import cache_note, cache_root
from hashbench.methods.base import Method
from hashbench.methods.context import MethodContext
from hashbench.nn.towers import Tower, Towers
from hashbench.plan import catalog
from hashbench.plan.card import MethodCard
from hashbench.plan.spec import RunSpec

Level = Literal["info", "warning"]

NoteWriter = Callable[[Level, str], None]
"""(level, text): what a person should know about the data."""


@dataclass(frozen=True)
class Prepared:
    """All that a method is built from: the spec, its card, the data, and the backbone's cache.

    `tuned` is how many last blocks of both towers the method tunes, 0 for frozen towers.
    """

    spec: RunSpec
    card: MethodCard
    data: Data
    store: FeatureStore
    tuned: int

    def facts(self) -> dict[str, str | int]:
        """What the run's facts say of the data."""
        features = self.data.features
        facts: dict[str, str | int] = {"split": self.data.split.hash, "features": features.key}
        if self.data.dataset.features is None:
            facts |= self.store.source.facts()
        if self.data.blocks is not None:
            facts |= {"block inputs": self.data.blocks.key}
        return facts | ({"left out": len(features.broken)} if features.broken else {})


def no_note(level: Level, text: str) -> None:
    """Notes that nobody reads."""


def prepare(
    spec: RunSpec,
    data_dir: Path,
    labels: Path,
    device: torch.device,
    report: Report = no_report,
    note: NoteWriter = no_note,
) -> Prepared:
    """Dataset, split, features and visible labels of a spec, the fitted part of it on `device`.

    `labels` is the run's file of visible labels, made here where it does not exist. Raises
    InputError or DamagedFileError for data that is missing, damaged or unfit for the method.
    """
    card = catalog.method(spec.method)
    dataset = load_dataset(spec.dataset, data_dir)
    for text in dataset.notes:
        note("info", text)
    if (elsewhere := cache_note(data_dir)) is not None:
        note("info", elsewhere)
    # refused before hours of feature extraction, not after
    if card.needs_encoders or card.tuned(spec.params):
        require_encoders(dataset, spec.method)
    if dataset.features is None:
        registry.check_joint_space(card, spec.backbone.name)
    split = split_of(spec, dataset)
    captions = training_captions(spec, dataset, split)
    source = registry.resolve(spec.backbone, data_dir)
    if source.name in SCRATCH:
        visible = visible_labels(labels, spec, dataset, split)
        source = _from_scratch(
            source, spec, dataset, split, visible, captions, data_dir, device, report
        )
    if dataset.features is None:
        source = source.with_words(itertools.chain.from_iterable(captions.values()))
    for text in source.config.notes if dataset.features is None else ():
        note("warning", text)
    store = FeatureStore(
        cache_root(data_dir),
        source,
        device,
        report,
        skip_broken=spec.dataset.on_bad_image == "skip",
    )
    tuned = card.tuned(spec.params)
    if tuned:
        features, blocks = store.with_blocks(dataset, tuned, split.train)
    else:
        features, blocks = store.dataset(dataset), None
    for text in left_out(split, features):
        note("warning", text)
    split = readable(split, dataset, features)
    require_joint_space(card, features)
    visible = visible_labels(labels, spec, dataset, split)
    noisy = noisy_tokens = None
    if is_noisy(spec.dataset):
        read = [caption for item in split.train_fit.tolist() for caption in captions[item]]
        noisy = store.prompts(read)
        noisy_tokens = store.caption_blocks(read, tuned) if tuned else None
    data = assemble(dataset, split, visible, features, device, blocks, noisy, noisy_tokens)
    if not card.supervised:  # neither the training set nor a batch of it holds a label
        data = replace(data, train=data.train.without_labels())
    augmented = spec.dataset.augment_images != "none"
    return Prepared(spec, card, replace(data, augmented=augmented, report=report), store, tuned)


def _from_scratch(
    source: BackboneSource,
    spec: RunSpec,
    dataset: Dataset,
    split: Split,
    visible: VisibleLabels,
    captions: Mapping[int, tuple[str, ...]],
    data_dir: Path,
    device: torch.device,
    report: Report,
) -> BackboneSource:
    """The backbone trained on what the run may know of its fitted items.

    Raises InputError where it could not be trained.
    """
    from hashbench.backbones import scratch

    require_encoders(dataset, source.name)
    if spec.dataset.on_bad_image == "skip":
        raise InputError(
            f"{source.name} cannot leave out pictures: its weights follow from the split",
            where="--on-bad-image",
            remedy="mend or remove what `hashbench datasets check` lists",
        )
    rows = visible.rows(np.searchsorted(split.train, split.train_fit))
    fitted = scratch.Fitted(
        dataset,
        split.train_fit,
        rows.labels,
        rows.known,
        split.hash,
        spec.seed,
        captions if is_noisy(spec.dataset) else None,
    )
    return scratch.trained(cache_root(data_dir), source, fitted, device, report)


def build_method(prepared: Prepared, report: Report = no_report) -> Method:
    """The method of a spec with its initial weights, on the device of the data.

    Every draw of the construction follows from the spec's seed.
    """
    spec, card, data, store = prepared.spec, prepared.card, prepared.data, prepared.store

    def prompts(sentences: Sequence[str]) -> Tensor:
        require_encoders(data.dataset, "a prompt")  # features of unknown encoders fit no other's
        return torch.from_numpy(store.prompts(sentences)).to(data.device)

    @functools.cache
    def text_tower() -> FrozenTextTower:
        require_encoders(data.dataset, spec.method)
        return FrozenTextTower(store.backbone)

    context = MethodContext(
        bits=spec.bits,
        params=spec.params,
        class_names=data.dataset.class_names,
        train=data.train,
        prompts=prompts,
        seed=spec.seed,
        unknown=spec.labels.unknown,
        text_tower=text_tower,
        report=report,
        towers=lambda: tower_ends(store.tails(prepared.tuned)),
        protocol=spec.protocol,
        directions=card.directions,
        held_out=data.held_out() if card.supervised else None,
        encodes_prompts=data.dataset.features is None,
    )
    randomness.reseed(spec.seed, "build")
    method: Method = catalog.load(card.entry)(context)
    return method.to(data.device)


def tower_ends(tails: tuple[Tail, Tail]) -> Towers:
    """Modules out of the weights of the towers' last blocks, of images and of texts."""
    image, text = (
        Tower(t.blocks, t.norm, t.projection, t.heads, t.activation, causal=causal)
        for t, causal in zip(tails, (False, True), strict=True)
    )
    return Towers(image, text)
