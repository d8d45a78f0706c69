"""Finished runs as rows: what was run, under which conditions, and what it scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hashbench.errors import DamagedFileError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import result as results
from hashbench.runs import seal, state
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result
from hashbench.runs.state import Status
from hashbench.runs.tailer import read_all


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
            split=f"{self.result.split['name']} {self.result.split['hash']}",
            backbone=self.spec.backbone.name,
            features=self.result.backbone,
            protocol=self.spec.protocol,
            select=self.spec.select,
            task="mm" if "mm" in self.result.directions else "cross-modal",
        )

    @property
    def variant(self) -> Variant:
        """What was run, but for bits and seed."""
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
    """Reads runs; damaged ones are told and left out."""
    found = Collected()
    for run in runs:
        try:
            spec = specs.read(run.spec)
            if run.result.is_file():
                result = results.read(run.result)
                found.finished.append(Finished(run, spec, result, seal.changes(run, spec, result)))
                continue
        except DamagedFileError as error:
            found.damaged.append(str(error))
            continue
        folded = state.fold(read_all(run.events))
        reason = getattr(folded.ended, "reason", "")
        found.unfinished.append(Unfinished(run, state.status(folded, run), reason))
    return found


def variant_text(spec: RunSpec) -> str:
    """Ablations by name, then parameters that neither the defaults nor those set."""
    try:
        card = catalog.method(spec.method)
    except UnknownNameError:  # a method that this installation does not have
        return " ".join(spec.ablations)
    expected = {param.name: param.start(spec.protocol) for param in card.params}
    for name in spec.ablations:
        expected |= card.ablation(name).settings
    changes = [
        f"{name}={value}"
        for name, value in sorted(spec.params.items())
        if name in expected and value != expected[name]
    ]
    return " ".join([*spec.ablations, *changes])


def headline(spec: RunSpec) -> str:
    """A run in a line: method, bits, dataset, seed, and what is not usual."""
    parts = [spec.method, f"{spec.bits_label} bits", spec.dataset.name, f"seed {spec.seed}"]
    parts += [] if spec.protocol == "strict" else [spec.protocol]
    return "  ".join([*parts, *(text for text in (label_text(spec), variant_text(spec)) if text)])


def label_text(spec: RunSpec) -> str:
    """What training saw of labels and captions; empty when it saw them as they are."""
    labels = spec.labels
    parts = []
    if labels.known_ratio < 1:
        parts.append(f"known {labels.known_ratio:g}")
    if labels.noise:
        parts.append(f"noise {labels.noise:g}")
    if labels.sparsity:
        parts.append(f"sparsity {labels.sparsity:g}")
    if spec.dataset.caption_noise:
        parts.append(f"caption noise {spec.dataset.caption_noise:g}")
    if spec.dataset.caption_drop:
        parts.append(f"caption drop {spec.dataset.caption_drop:g}")
    if labels.known_ratio < 1 and not _own_unknown(spec.method):
        parts.append({"negative": "AN", "ignore": "IU"}[labels.unknown])
    return " ".join(parts)


def _own_unknown(method: str) -> bool:
    card = catalog.methods().get(method)
    return card is not None and card.own_unknown
