"""Finished runs as rows: what was run, under which conditions, and what it scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hashbench.errors import DamagedFileError
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.report.naming import label_text, variant_text
from hashbench.runs import result as results
from hashbench.runs import seal
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result
from hashbench.runs.state import Status
from hashbench.runs.status import status


@dataclass(frozen=True)
class Finished:
    """A finished run: its folder, spec and result. `changes` says what was changed after it was
    scored, see `hashbench.runs.seal`.
    """

    run: RunFolder
    spec: RunSpec
    result: Result
    changes: tuple[str, ...] = ()

    @property
    def condition(self) -> Condition:
        """Under what the run was scored."""
        return Condition(
            dataset=self.result.dataset["name"],
            fingerprint=self.result.dataset["fingerprint"],
            split=self._split,
            backbone=self.spec.backbone.name,
            features=self.result.backbone,
            protocol=self.spec.protocol,
            select=self.spec.select,
            task="mm" if "mm" in self.result.directions else "cross-modal",
        )

    def ranks_items_of(self, condition: Condition) -> bool:
        """Whether queries and database are those of a condition, whatever was trained on."""
        own, split = self.condition, self.result.split
        every = {
            f"{split['name']} {split[key]}" for key in ("hash", "hash_all_fitted") if key in split
        }
        return condition.split in every and all(
            getattr(own, name) == getattr(condition, name)
            for name in ("dataset", "fingerprint", "task")
        )

    @property
    def _split(self) -> str:
        """Folds of one division share its name, which holds a digest of the whole."""
        split = self.result.split
        return str(split["name"]) if self.spec.dataset.folds else f"{split['name']} {split['hash']}"

    @property
    def variant(self) -> Variant:
        """What was run, but for bits, seed and fold."""
        return Variant(self.spec.method, label_text(self.spec), variant_text(self.spec))


@dataclass(frozen=True)
class Condition:
    """Rows are ranked against each other only where all of this is equal."""

    dataset: str
    fingerprint: str
    split: str
    backbone: str
    features: str
    protocol: str
    select: str
    task: str

    def differences(self, other: Condition) -> list[str]:
        """In words, what keeps two conditions apart."""
        return [
            f"{name} ({getattr(self, name)} / {getattr(other, name)})"
            for name in self.__dataclass_fields__
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True)
class Variant:
    """Method, what training saw of the labels, and what differs from the method's defaults."""

    method: str
    labels: str
    changes: str


@dataclass
class Unfinished:
    """A run without a result, and why."""

    run: RunFolder
    status: Status
    reason: str


@dataclass
class Collected:
    """All runs that were looked at."""

    finished: list[Finished] = field(default_factory=list)
    unfinished: list[Unfinished] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def collect(runs: Sequence[RunFolder]) -> Collected:
    """Reads runs; damaged ones are named and left out."""
    collected = Collected()
    for run in runs:
        try:
            spec = specs.read(run.spec)
            if run.result.is_file():
                result = results.read(run.result)
                changes = seal.changes(run, spec, result)
                collected.finished.append(Finished(run, spec, result, changes))
                continue
        except DamagedFileError as error:
            collected.damaged.append(str(error))
            continue
        current = status(run)
        collected.unfinished.append(Unfinished(run, current.state, current.reason))
    return collected
