"""From a spec to what a method trains on: dataset, split, features, training set, batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hashbench.backbones.store import Features
from hashbench.datasets import masks, splits
from hashbench.datasets.base import Dataset, IntArray
from hashbench.datasets.splits import Split
from hashbench.engine import randomness
from hashbench.methods.base import Batch, TrainingSet
from hashbench.plan import catalog
from hashbench.plan.spec import DatasetSpec, RunSpec


def load_dataset(spec: DatasetSpec, data_dir: Path) -> Dataset:
    """The dataset of a spec. Raises InputError where its files are missing or damaged."""
    loaded: Dataset = catalog.load(catalog.dataset(spec.name).entry)(data_dir, spec.params)
    return loaded


def split_of(spec: DatasetSpec, dataset: Dataset) -> Split:
    """The split of a spec. Raises InputError when the dataset is too small for it."""
    return splits.own_split(dataset, spec.query, spec.train, spec.split_seed)


@dataclass(frozen=True)
class Data:
    """A dataset with its split and features, and the part of it that is fitted, on the device."""

    dataset: Dataset
    split: Split
    features: Features
    device: torch.device
    train: TrainingSet
    captions: Tensor
    caption_range: tuple[Tensor, Tensor]

    def batches(
        self, seed: int, stage: str, epoch: int, size: int, skip: int
    ) -> Iterator[tuple[int, Batch]]:
        """(step, batch) over a shuffled epoch, from step `skip` on; the last one may be smaller.

        The order of items and the caption of each are those of (seed, stage, epoch).
        """
        first, count = self.caption_range
        n = len(self.train)
        order = randomness.shuffled(n, seed, "order", stage, epoch).to(self.device)
        draw = torch.rand(n, generator=randomness.generator(seed, "caption", stage, epoch))
        chosen = first + (draw.to(self.device) * count).long()
        for step, start in enumerate(range(0, n, size)):
            if step < skip:
                continue
            index = order[start : start + size]
            yield (
                step,
                Batch(
                    index=index,
                    images=self.train.images[index],
                    texts=self.captions[chosen[index]],
                    labels=self.train.labels[index],
                    known=self.train.known[index],
                ),
            )

    def images(self, items: IntArray) -> Tensor:
        """(n, d) image features of items, on the device."""
        return self._to_device(self.features.images[items])

    def texts(self, items: IntArray) -> Tensor:
        """(n, d) features of the first caption of items, on the device."""
        return self._to_device(self.features.first_texts(items))

    def _to_device(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(rows, np.float32)).to(self.device)


def assemble(
    spec: RunSpec, dataset: Dataset, split: Split, features: Features, device: torch.device
) -> Data:
    """Puts what is fitted on the device: one caption matrix, one row range of it per item."""
    fit = split.fit
    labels, known = masks.visible_labels(dataset.labels[fit], spec.labels, spec.seed)
    counts = np.diff(features.offsets)[fit]
    rows = np.concatenate([np.arange(features.offsets[i], features.offsets[i + 1]) for i in fit])
    captions = torch.from_numpy(np.array(features.texts[rows], np.float32)).to(device)
    first = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)[:-1]])).to(device)
    train = TrainingSet(
        images=torch.from_numpy(np.array(features.images[fit], np.float32)).to(device),
        texts=captions[first],
        labels=torch.from_numpy(labels.astype(np.float32)).to(device),
        known=torch.from_numpy(known).to(device),
    )
    caption_range = (first, torch.from_numpy(counts).to(device))
    return Data(dataset, split, features, device, train, captions, caption_range)
