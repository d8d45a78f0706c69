"""Finished runs compared: grouped by what must be equal, averaged over seeds, the best marked."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hashbench.plan.spec import LabelSpec
from hashbench.report.rows import Condition, Finished, Variant
from hashbench.report.text import plain

DEFAULT_METRIC = "mAP@all"

Task = tuple[int, str]
"""(bits, direction): one column of a table."""


@dataclass(frozen=True)
class Cell:
    """The values of one metric over seeds, and whether their mean is the best of its contest.

    `p` is the p-value against the table's baseline, None where it was not asked for.
    """

    values: tuple[float, ...]
    best: bool = False
    p: float | None = None

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation, None for a single seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """One variant: a cell a column, and the marks that go with its numbers everywhere.

    Rows of one `contest` compete for the best: training saw the same share of the labels. `repeats`
    counts runs whose seed was run again later, which alone is shown.
    """

    variant: Variant
    cells: dict[Task, Cell]
    seeds: int
    marks: tuple[str, ...]
    runs: tuple[str, ...]
    repeats: int = 0
    contest: tuple[float, ...] = ()


@dataclass(frozen=True)
class Floor:
    """What random codes score, by bit length. `expected`: the expected value of the table's metric
    (`hashbench.metrics.random_floor`); otherwise the share of relevant pairs, which is all that
    results of earlier versions hold.
    """

    by_bits: Mapping[int, float] = field(default_factory=dict)
    expected: bool = True


@dataclass(frozen=True)
class Table:
    """Rows that may be ranked against each other. `baseline` is the row that `p` is against."""

    condition: Condition
    metric: str
    columns: tuple[Task, ...]
    rows: tuple[Row, ...]
    floor: Floor
    sizes: dict[str, int]
    without_relevant: int
    baseline: Variant | None = None


def compare(
    finished: Sequence[Finished], metric: str = DEFAULT_METRIC, *, read_codes: bool = True
) -> list[Table]:
    """One table for each condition, in the order in which the conditions first occur.

    `metric` is a name as results hold it, `str(parse_metric(...))`. What a result does not hold,
    the metric or its random floor, is computed from the run's codes; without `read_codes`, as where
    numpy must not be loaded, such a run has no cells. Raises InputError for a name that is no
    metric, and where codes cannot be read.
    """
    groups: dict[Condition, list[Finished]] = {}
    for run in finished:
        groups.setdefault(run.condition, []).append(run)
    return [
        _table(condition, runs, metric, read_codes=read_codes) for condition, runs in groups.items()
    ]


def system_name(variant: Variant) -> str:
    """Method and changes in one line."""
    return plain(" ".join(part for part in (variant.method, variant.changes) if part))


def separation_reasons(tables: Sequence[Table]) -> list[str]:
    """Why the tables are not one: a sentence for each but the first."""
    first = tables[0].condition if tables else None
    return [
        f"table {number} is not ranked with table 1: it differs in "
        + ", ".join(first.differences(table.condition))
        for number, table in enumerate(tables[1:], 2)
        if first is not None
    ]


@dataclass
class _Runs:
    """The runs of one variant, while a table is made. `scores` is by column and seed."""

    runs: list[Finished] = field(default_factory=list)
    scores: dict[Task, dict[int, float]] = field(default_factory=dict)
    counts: Counter[Task] = field(default_factory=Counter)

    def add(self, run: Finished, scores: Mapping[Task, float]) -> None:
        self.runs.append(run)
        for column, value in scores.items():
            # a seed that was run twice counts once, with its latest run
            self.scores.setdefault(column, {})[run.spec.seed] = value
            self.counts[column] += 1

    @property
    def repeats(self) -> int:
        return max(
            (self.counts[column] - len(seeds) for column, seeds in self.scores.items()), default=0
        )

    def row(self, variant: Variant) -> Row:
        return Row(
            variant=variant,
            cells={task: Cell(tuple(seeds.values())) for task, seeds in self.scores.items()},
            seeds=max((len(seeds) for seeds in self.scores.values()), default=0),
            marks=tuple(sorted(set().union(*map(marks_of, self.runs)))),
            runs=tuple(run.run.id for run in self.runs),
            repeats=self.repeats,
            contest=_contest(self.runs[0].spec.labels),
        )


def _table(
    condition: Condition, runs: Sequence[Finished], metric: str, *, read_codes: bool
) -> Table:
    variants: dict[Variant, _Runs] = {}
    for run in sorted(runs, key=lambda run: run.run.id):
        scores = scores_of(run, metric, read_codes=read_codes)
        variants.setdefault(run.variant, _Runs()).add(run, scores)
    rows = [made.row(variant) for variant, made in variants.items()]
    rows.sort(key=lambda row: (row.contest, _mean(row)))
    columns = tuple(sorted({task for row in rows for task in row.cells}))
    result = runs[0].result
    return Table(
        condition=condition,
        metric=metric,
        columns=columns,
        rows=tuple(_with_best(rows, metric)),
        floor=_floor(runs, metric, {bits for bits, _ in columns}, read_codes=read_codes),
        sizes={
            name: int(result.split[name]) for name in ("query", "database", "fit", "validation")
        },
        without_relevant=result.without_relevant,
    )


def _contest(labels: LabelSpec) -> tuple[float, ...]:
    """What rows must share to compete: how much of the labels was hidden or spoilt.

    How a method takes unknown labels (AN, IU) is its own affair, and no other contest.
    """
    return 1 - labels.known_ratio, labels.noise, labels.sparsity


def _mean(row: Row) -> float:
    return statistics.fmean(cell.mean for cell in row.cells.values()) if row.cells else 0.0


def _with_best(rows: Sequence[Row], metric: str) -> list[Row]:
    """The rows with the best of each contest and column marked, where at least two compete.

    Rows whose files were changed after scoring do not compete.
    """
    from hashbench.metrics.metric import parse_metric

    better = max if parse_metric(metric).card.higher_is_better else min
    contests: dict[tuple[tuple[float, ...], Task], list[float]] = {}
    competing = [row for row in rows if not any(mark.startswith(CHANGED) for mark in row.marks)]
    for row in competing:
        for task, cell in row.cells.items():
            contests.setdefault((row.contest, task), []).append(cell.mean)

    def marked(row: Row, task: Task, cell: Cell) -> Cell:
        means = contests.get((row.contest, task), [])
        best = row in competing and len(means) > 1 and cell.mean == better(means)
        return replace(cell, best=best)

    return [
        replace(row, cells={task: marked(row, task, cell) for task, cell in row.cells.items()})
        for row in rows
    ]


CHANGED = "CHANGED AFTER SCORING"


def marks_of(run: Finished) -> set[str]:
    """What must be said wherever a number of the run stands."""
    marks = set()
    if run.spec.protocol == "published":
        marks.add("PUBLISHED PROTOCOL")
    if run.spec.select == "test":
        marks.add("EPOCH CHOSEN ON TEST")
    if not run.result.audit.clean:
        marks.add(run.result.audit.verdict)
    if run.changes:
        marks.add(f"{CHANGED}, not ranked: {run.run.id}: {', '.join(run.changes)}")
    return marks


def scores_of(run: Finished, metric: str, *, read_codes: bool = True) -> dict[Task, float]:
    """(bits, direction) -> value, from the result or, where it lacks the metric, from the codes."""
    stored = {
        (int(bits), direction): metrics[metric]
        for bits, by_direction in run.result.scores.items()
        for direction, metrics in by_direction.items()
        if metric in metrics
    }
    if stored or not read_codes:
        return stored
    from hashbench.codefiles.native import read_codes as read
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.ranking import evaluate

    parsed = [parse_metric(metric)]
    return {
        (codes.bits, direction): evaluate(
            *codes.sides(direction), codes.query_labels, codes.database_labels, parsed
        )[0].value
        for codes in read(run.run.codes)
        for direction in run.result.directions
    }


def _floor(runs: Sequence[Finished], metric: str, lengths: set[int], *, read_codes: bool) -> Floor:
    """The random floor of each bit length: as stored, or from the labels of any run of the table,
    which all have the same; or else the share of relevant pairs that earlier versions stored.
    """
    stored = {
        bits: floors[metric]
        for run in runs
        for bits in lengths
        if metric in (floors := run.result.floors.get(str(bits), {}))
    }
    if stored.keys() == lengths:
        return Floor(stored)
    with_codes = next((run for run in runs if any(run.run.codes.glob("*.npz"))), None)
    if read_codes and with_codes is not None:
        return Floor(_floor_from_codes(with_codes, metric, lengths))
    shares = [run.result.floor for run in runs if run.result.floor is not None]
    return Floor(dict.fromkeys(lengths, shares[0]) if shares else {}, expected=False)


def _floor_from_codes(run: Finished, metric: str, lengths: set[int]) -> dict[int, float]:
    from hashbench.codefiles.native import read_codes
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.random_floor import floor_of, relevance_counts

    codes = read_codes(run.run.codes)[0]
    parsed = parse_metric(metric)
    relevance = relevance_counts(
        codes.query_labels, codes.database_labels, graded=parsed.card.graded
    )
    floors = {bits: floor_of(relevance, parsed, bits) for bits in lengths}
    return {bits: value for bits, value in floors.items() if value is not None}
