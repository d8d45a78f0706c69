"""How long the runs of a study will take and how much disk: from past runs, or measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hashbench.launch.estimates import Measure, disk_bytes, measured, total_seconds
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import RunSpec
from hashbench.report.rows import Finished

Kind = tuple[str, ...]
"""What decides most of a run's cost: method, data, encoders and epochs, not its ablations."""


@dataclass(frozen=True)
class Cost:
    """Seconds one run after the other, bytes of disk, and how many runs these are known of.

    `from_past` runs are like finished ones, `from_measuring` ones were measured, and of `unknown`
    ones nothing is known.
    """

    seconds: float
    disk: int
    from_past: int
    from_measuring: int
    unknown: int


def kind_of(spec: RunSpec) -> Kind:
    """Runs of one kind cost about the same."""
    dataset = spec.dataset
    epochs = sorted((k, v) for k, v in spec.params.items() if k.endswith("epochs"))
    recovers = str(spec.params.get("recover", ""))
    return (
        spec.method, dataset.name, repr(dataset.params), str(dataset.train), spec.backbone.name,
        spec.protocol, repr(epochs), recovers,
    )  # fmt: skip


def cost(
    due: Sequence[RunSpec],
    past: Iterable[Finished],
    data_dir: Path,
    *,
    measuring: bool,
    measure: Measure | None = None,
) -> Cost:
    """What the runs that are due will cost. A kind that has run before costs what it did, in the
    median; of each other kind one run is measured, where `measuring`. Raises InputError as the runs
    would.
    """
    known = _past(past)
    new: dict[Kind, list[RunSpec]] = {}
    for spec in due:
        if kind_of(spec) not in known:
            new.setdefault(kind_of(spec), []).append(spec)
    count = len(due) - sum(map(len, new.values()))
    seconds = sum(known[kind_of(s)][0] for s in due if kind_of(s) in known)
    disk = sum(known[kind_of(s)][1] for s in due if kind_of(s) in known)
    if not measuring or not new:
        return Cost(seconds, disk, count, 0, len(due) - count)
    first = measured([specs[0] for specs in new.values()], data_dir, measure)
    estimates = _spread(dict(zip(new, first, strict=True)), new)
    return Cost(
        seconds + total_seconds(estimates), disk + disk_bytes(estimates), count, len(estimates), 0
    )


def _spread(
    first: Mapping[Kind, RunEstimate], new: Mapping[Kind, Sequence[RunSpec]]
) -> list[RunEstimate]:
    """An estimate for each run: that of the first of its kind."""
    return [first[kind] for kind, specs in new.items() for _ in specs]


def _past(runs: Iterable[Finished]) -> dict[Kind, tuple[float, int]]:
    """Median seconds and bytes of the folders of finished runs, by kind."""
    kinds: dict[Kind, list[tuple[float, int]]] = {}
    for run in runs:
        size = sum(file.stat().st_size for file in run.run.path.rglob("*") if file.is_file())
        kinds.setdefault(kind_of(run.spec), []).append((run.result.seconds, size))
    return {
        kind: (
            statistics.median(seconds for seconds, _ in each),
            int(statistics.median(size for _, size in each)),
        )
        for kind, each in kinds.items()
    }
