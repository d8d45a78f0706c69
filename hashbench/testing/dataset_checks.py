"""The contract of a dataset: what its card says, what its loader returns, and a run on it."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from hashbench.datasets import availability, named_splits
from hashbench.datasets.base import Dataset
from hashbench.plan import catalog, released_splits
from hashbench.plan.card_rules import broken_dataset_rules
from hashbench.runs import result
from hashbench.testing import short_runs
from hashbench.testing.verdict import Checks, ContractBrokenError

PICTURES = 8  # that are read, spread over all items
MOST_ITEMS = 5000  # of which all features are computed for a run


class DatasetChecks(Checks):
    """Checks the dataset of that name, whose files lie below `data_dir`. The run of it is made
    below `folder`.
    """

    def __init__(self, name: str, folder: Path, data_dir: Path) -> None:
        self._card = catalog.dataset(name, data_dir, where="datasets check")
        self._folder, self._data_dir = folder, data_dir
        table = {
            "card": self._check_card,
            "loads": self._check_loading,
            "repeats": self._check_repeating,
            "items": self._check_items,
            "split": self._check_split,
            "runs": self._check_run,
        }
        needs = dict.fromkeys(("repeats", "items", "split"), "loads") | {"runs": "split"}
        super().__init__(name, catalog.source_of("dataset", name) or "built in", table, needs)

    def _check_card(self) -> str:
        if broken := broken_dataset_rules(self._card):
            raise ContractBrokenError("; ".join(broken), "the CARD is what has to be mended")
        sizes = self._card.sizes[self.name]
        return f"{sizes.query:,} queries, {sizes.train:,} training items"

    def _check_loading(self) -> str:
        if absent := availability.missing(self._card, self._data_dir, self.name):
            raise ContractBrokenError(absent)
        dataset = self._dataset
        if not isinstance(dataset, Dataset):
            raise ContractBrokenError(
                f"{self._card.entry} returns a {type(dataset).__name__}",
                "it has to return a hashbench.datasets.base.Dataset",
            )
        if dataset.labels.dtype != np.bool_:
            raise ContractBrokenError(f"labels are {dataset.labels.dtype}, not bool")
        return f"{len(dataset):,} items, {len(dataset.class_names)} classes"

    def _check_repeating(self) -> str:
        first, second = self._dataset, self._load()
        same = (
            first.fingerprint == second.fingerprint
            and list(first.ids) == list(second.ids)
            and np.array_equal(first.labels, second.labels)
            and list(first.captions) == list(second.captions)
        )
        if not same:
            raise ContractBrokenError(
                "loaded twice, it is not the same",
                "items in an order that follows from the files, fingerprint from the content",
            )
        return f"loaded twice it is the same, fingerprint {first.fingerprint[:8]}"

    def _check_items(self) -> str:
        dataset = self._dataset
        if len(set(dataset.ids)) != len(dataset):
            raise ContractBrokenError("ids are not unique")
        if len(set(dataset.class_names)) != len(dataset.class_names):
            raise ContractBrokenError("names of classes are not unique")
        without = [dataset.ids[item] for item, texts in enumerate(dataset.captions) if not texts]
        if without:
            raise ContractBrokenError(f"{len(without)} items have no caption, such as {without[0]}")
        if dataset.features is not None:
            if not all(np.isfinite(part).all() for part in dataset.features):
                raise ContractBrokenError("features are not finite")
            return "ids and names are unique, features are finite"
        for item in np.linspace(0, len(dataset) - 1, PICTURES).astype(int):
            picture = dataset.pictures.read(int(item))
            if picture.mode != "RGB":
                raise ContractBrokenError(
                    f"picture {dataset.ids[item]} is {picture.mode}", 'picture.convert("RGB")'
                )
        return f"ids and names are unique, every item has a caption, {PICTURES} pictures are RGB"

    def _check_split(self) -> str:
        sizes = released_splits.sizes("own", self._card, self.name)
        split = named_splits.choose(
            self._dataset, "own", sizes.query, sizes.train, 0, usual_sizes=True
        )
        shared = set(split.query.tolist()) & set(split.database.tolist())
        if shared:
            raise ContractBrokenError(f"{len(shared)} queries are in the database, too")
        relevant = self._dataset.labels[split.query] @ self._dataset.labels[split.database].T
        if not relevant.any():
            raise ContractBrokenError("no query has a relevant item in the database")
        listed = ", ".join(f"{count:,} {part}" for part, count in split.sizes().items())
        return f"its own split: {listed}"

    def _check_run(self) -> str:
        if len(self._dataset) > MOST_ITEMS:
            return (
                f"not tried with {len(self._dataset):,} items: hashbench run -m lsh -d {self.name}"
            )
        run = short_runs.make(self._folder, method=["lsh"], dataset=[self.name])
        short_runs.finish(run, self._data_dir)
        scores = result.read(run.result).scores[str(short_runs.BITS)]
        listed = ", ".join(f"{way} {values['mAP@all']:.3f}" for way, values in scores.items())
        return f"lsh on it has mAP@all {listed}"

    def _load(self) -> Dataset:
        loaded: Dataset = catalog.load(self._card.entry)(
            self._data_dir, self._card.values(self.name)
        )
        return loaded

    @functools.cached_property
    def _dataset(self) -> Dataset:
        return self._load()
