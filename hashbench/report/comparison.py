"""Tables out of rows: grouped by what must be equal, averaged over seeds, the best marked."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hashbench.errors import InputError
from hashbench.report.rows import Condition, Finished, Variant

DEFAULT_METRIC = "mAP@all"

Column = tuple[int, str]
"""(bits, direction)"""


@dataclass(frozen=True)
class Cell:
    """The values of one metric over seeds, and whether their mean is the best of its column.

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
    """One variant: a cell a column, and the marks that go with its numbers everywhere."""

    variant: Variant
    cells: dict[Column, Cell]
    seeds: int
    marks: tuple[str, ...]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows that may be ranked against each other. `baseline` is the row that `p` is against."""

    condition: Condition
    metric: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    floor: float
    sizes: dict[str, int]
    without_relevant: int
    baseline: Variant | None = None


def compare(finished: Sequence[Finished], metric: str = DEFAULT_METRIC) -> list[Table]:
    """One table for each condition, in the order in which the conditions first occur.

    A metric that the results do not hold is computed from the runs' codes. Raises InputError for a
    name that is no metric.
    """
    groups: dict[Condition, list[Finished]] = {}
    for run in finished:
        groups.setdefault(run.condition, []).append(run)
    return [_table(condition, runs, metric) for condition, runs in groups.items()]


def apart(tables: Sequence[Table]) -> list[str]:
    """Why the tables are not one: a sentence for each but the first."""
    first = tables[0].condition if tables else None
    return [
        f"table {number} is not ranked with table 1: it differs in "
        + ", ".join(first.differences(table.condition))
        for number, table in enumerate(tables[1:], 2)
        if first is not None
    ]


def against(
    table: Table, baseline: Variant, p_values: Mapping[tuple[Variant, Column], float | None]
) -> Table:
    """The table with p-values of its cells against the row `baseline`."""
    rows = [
        replace(
            row,
            cells={
                column: replace(cell, p=p_values.get((row.variant, column)))
                for column, cell in row.cells.items()
            },
        )
        for row in table.rows
    ]
    return replace(table, rows=tuple(rows), baseline=baseline)


def _table(condition: Condition, runs: Sequence[Finished], metric: str) -> Table:
    values: dict[Variant, dict[Column, dict[int, float]]] = {}
    ids: dict[Variant, list[str]] = {}
    marks: dict[Variant, set[str]] = {}
    for run in sorted(runs, key=lambda run: run.run.id):
        variant = run.variant
        ids.setdefault(variant, []).append(run.run.id)
        marks.setdefault(variant, set()).update(_marks(run))
        columns = values.setdefault(variant, {})
        for column, value in scores_of(run, metric).items():
            # a seed that was run twice counts once, with its latest run
            columns.setdefault(column, {})[run.spec.seed] = value
    columns_seen = sorted({column for cells in values.values() for column in cells})
    best = _best(values)
    rows = [
        Row(
            variant=variant,
            cells={
                column: Cell(tuple(by_seed.values()), best=(variant, column) in best)
                for column, by_seed in cells.items()
            },
            seeds=max(len(by_seed) for by_seed in cells.values()),
            marks=tuple(sorted(marks[variant])),
            runs=tuple(ids[variant]),
        )
        for variant, cells in values.items()
    ]
    rows.sort(key=lambda row: (row.variant.labels, _mean(row)))
    result = runs[0].result
    sizes = {name: int(result.split[name]) for name in ("query", "database", "fit", "validation")}
    return Table(
        condition,
        metric,
        tuple(columns_seen),
        tuple(rows),
        result.floor,
        sizes,
        result.without_relevant,
    )


def _mean(row: Row) -> float:
    return statistics.fmean(cell.mean for cell in row.cells.values())


def _best(values: dict[Variant, dict[Column, dict[int, float]]]) -> set[tuple[Variant, Column]]:
    """The best variant of each column, among those whose training saw the same of the labels."""
    contests: dict[tuple[str, Column], list[tuple[float, Variant]]] = {}
    for variant, cells in values.items():
        for column, by_seed in cells.items():
            entry = (statistics.fmean(by_seed.values()), variant)
            contests.setdefault((variant.labels, column), []).append(entry)
    winners = set()
    for (_, column), entries in contests.items():
        top = max(mean for mean, _ in entries)
        if len(entries) > 1:
            winners |= {(variant, column) for mean, variant in entries if mean == top}
    return winners


def _marks(run: Finished) -> set[str]:
    marks = set()
    if run.spec.protocol == "published":
        marks.add("PUBLISHED PROTOCOL")
    if run.spec.select == "test":
        marks.add("EPOCH CHOSEN ON TEST")
    if not run.result.audit.clean:
        marks.add(run.result.audit.verdict)
    return marks


def scores_of(run: Finished, metric: str) -> dict[Column, float]:
    """(bits, direction) -> value, from the result or, where it lacks the metric, from the codes."""
    stored = {
        (int(bits), direction): metrics[metric]
        for bits, by_direction in run.result.scores.items()
        for direction, metrics in by_direction.items()
        if metric in metrics
    }
    return stored or _computed(run, metric)


def _computed(run: Finished, metric: str) -> dict[Column, float]:
    from hashbench.codefiles.native import read_codes
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.ranking import evaluate

    parsed = parse_metric(metric)
    if parsed.direction:
        raise InputError(f"{metric} names a direction; compare shows all of them", where="--metric")
    found: dict[Column, float] = {}
    for codes in read_codes(run.run.codes):
        for direction in run.result.directions:
            letters = {"i": "image", "t": "text"}
            asked, _, ranked = direction.partition("2")
            query, database = (
                (letters[asked], letters[ranked]) if ranked else (direction, direction)
            )
            score = evaluate(
                codes.query[query],
                codes.database[database],
                codes.query_labels,
                codes.database_labels,
                [parsed],
            )[0]
            found[codes.bits, direction] = score.value
    return found
