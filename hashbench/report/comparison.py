"""Finished runs compared: grouped by what must be equal, averaged over seeds and the folds of
cross-validation, the best marked.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hashbench.plan import catalog
from hashbench.plan.spec import LabelSpec, RunSpec
from hashbench.report import probe_verdicts
from hashbench.report.floors import Floor, floor_of_runs
from hashbench.report.probe_verdicts import ProbeVerdict
from hashbench.report.rows import Condition, Finished, Variant
from hashbench.report.text import plain

DEFAULT_METRIC = "mAP@all"

Task = tuple[int, str]
"""(bits, direction): one column of a table."""


@dataclass(frozen=True)
class Cell:
    """The values of one metric over seeds, and whether their mean is the best of its contest.

    In cross-validation there is one value for each of `folds`, the mean over its seeds. `p` is the
    p-value against the table's baseline, None where it was not asked for.
    """

    values: tuple[float, ...]
    best: bool = False
    p: float | None = None
    folds: tuple[int, ...] = ()

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation, None for a single value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """One variant: a cell a column, and the marks that go with its numbers everywhere.

    Rows of one `contest` compete for the best: training saw the same share of the labels. `repeats`
    counts runs whose seed was run again later, which alone is shown. `towers` is what became of the
    backbone in training (`MethodCard.towers`), empty where it is not known.
    """

    variant: Variant
    cells: dict[Task, Cell]
    seeds: int
    marks: tuple[str, ...]
    runs: tuple[str, ...]
    repeats: int = 0
    contest: tuple[float, ...] = ()
    towers: str = ""


@dataclass(frozen=True)
class Table:
    """Rows that may be ranked against each other. `baseline` is the row that `p` is against.

    `folds` is the number of folds in cross-validation, else 0; `sizes` are then those of one fold,
    and `without_relevant` counts the queries of all that were run.
    `floor` and `ceiling` are the two ends: what random codes score, and what codes of the true
    labels did, where such runs are at hand. `verdicts` say which trained rows beat probe codes.
    """

    condition: Condition
    metric: str
    columns: tuple[Task, ...]
    rows: tuple[Row, ...]
    floor: Floor
    sizes: dict[str, int]
    without_relevant: int
    baseline: Variant | None = None
    folds: int = 0
    ceiling: Mapping[Task, float] = field(default_factory=dict)
    verdicts: tuple[ProbeVerdict, ...] = ()


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
    # of imported codes nobody knows the conditions: they join each table of the same items
    for run in sorted(finished, key=lambda run: bool(run.spec.imported)):
        fitting = [one for one in groups if run.spec.imported and run.ranks_items_of(one)]
        for condition in fitting or [run.condition]:
            groups.setdefault(condition, []).append(run)
    tables = [
        _table(condition, runs, metric, read_codes=read_codes) for condition, runs in groups.items()
    ]
    ceilings = {_ends_of(table.condition): _ceiling(table) for table in tables if _ceiling(table)}
    return [replace(table, ceiling=ceilings.get(_ends_of(table.condition), {})) for table in tables]


ORACLE = "oracle"


def _ends_of(condition: Condition) -> Condition:
    """What tables share that have the same upper end, whatever encodes and chooses the epoch."""
    return replace(condition, protocol="", select="")


def _ceiling(table: Table) -> dict[Task, float]:
    """What codes of the true labels scored, by column."""
    rows = [row for row in table.rows if row.variant.method == ORACLE]
    return {
        task: max(row.cells[task].mean for row in rows if task in row.cells)
        for task in table.columns
        if any(task in row.cells for row in rows)
    }


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
    """The runs of one variant, while a table is made. `scores` is by column, fold and seed."""

    runs: list[Finished] = field(default_factory=list)
    scores: dict[Task, dict[tuple[int, int], float]] = field(default_factory=dict)
    counts: Counter[Task] = field(default_factory=Counter)

    def add(self, run: Finished, scores: Mapping[Task, float]) -> None:
        self.runs.append(run)
        for column, value in scores.items():
            # a seed that was run twice counts once, with its latest run
            self.scores.setdefault(column, {})[run.spec.dataset.fold, run.spec.seed] = value
            self.counts[column] += 1

    @property
    def repeats(self) -> int:
        return max(
            (self.counts[column] - len(scores) for column, scores in self.scores.items()), default=0
        )

    def row(self, variant: Variant) -> Row:
        return Row(
            variant=variant,
            cells={task: _cell(scores) for task, scores in self.scores.items()},
            seeds=max((len({s for _, s in scores}) for scores in self.scores.values()), default=0),
            marks=tuple(sorted(set().union(*map(marks_of, self.runs)))),
            runs=tuple(run.run.id for run in self.runs),
            repeats=self.repeats,
            contest=_contest(self.runs[0].spec.labels),
            towers=_towers(self.runs[0]),
        )


def _cell(scores: Mapping[tuple[int, int], float]) -> Cell:
    """The cell of scores by (fold, seed); the fold is 0 where there is one split."""
    folds = tuple(sorted({fold for fold, _ in scores if fold}))
    if not folds:
        return Cell(tuple(scores.values()))
    of_fold = {f: [value for (fold, _), value in scores.items() if fold == f] for f in folds}
    return Cell(tuple(map(statistics.fmean, of_fold.values())), folds=folds)


def _towers(run: Finished) -> str:
    """What became of the backbone in training; empty for a method that trains nothing."""
    card = catalog.methods().get(run.spec.method)
    return card.towers(run.spec.params) if card is not None and card.epoch_params else ""


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
    of_fold = {run.spec.dataset.fold: run.result.without_relevant for run in runs}
    return Table(
        condition=condition,
        metric=metric,
        columns=columns,
        rows=tuple(_with_best(rows, metric)),
        floor=floor_of_runs(runs, metric, {bits for bits, _ in columns}, read_codes=read_codes),
        sizes={
            name: int(result.split[name]) for name in ("query", "database", "fit", "validation")
        },
        without_relevant=sum(of_fold.values()),
        folds=runs[0].spec.dataset.folds,
        verdicts=probe_verdicts.by_means(rows),
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

    Rows whose files were changed after scoring do not compete, nor do cells that lack a fold which
    another one has: folds differ in difficulty.
    """
    from hashbench.metrics.metric import parse_metric

    better = max if parse_metric(metric).card.higher_is_better else min
    contests: dict[tuple[tuple[float, ...], Task], list[float]] = {}
    competing = [row for row in rows if not any(mark.startswith(CHANGED) for mark in row.marks)]
    folds: dict[Task, set[int]] = {}
    for row in rows:
        for task, cell in row.cells.items():
            folds.setdefault(task, set()).update(cell.folds)
    for row in competing:
        for task, cell in row.cells.items():
            if folds[task] == set(cell.folds):
                contests.setdefault((row.contest, task), []).append(cell.mean)

    def marked(row: Row) -> Row:
        cells, lacking = {}, set()
        for task, cell in row.cells.items():
            whole = folds[task] == set(cell.folds)
            means = contests.get((row.contest, task), []) if whole and row in competing else []
            cells[task] = replace(cell, best=len(means) > 1 and cell.mean == better(means))
            lacking |= folds[task] - set(cell.folds)
        marks = [f"LACKS FOLD {', '.join(map(str, sorted(lacking)))}, not ranked"] * bool(lacking)
        return replace(row, cells=cells, marks=(*row.marks, *marks))

    return [marked(row) for row in rows]


CHANGED = "CHANGED AFTER SCORING"


def marks_of(run: Finished) -> set[str]:
    """What is to be said wherever the numbers or codes of a run are shown."""
    marks = {_imported_mark(run.spec)} if run.spec.imported else set()
    if run.spec.protocol == "published":
        marks.add("PUBLISHED PROTOCOL")
    if run.spec.select == "test":
        marks.add("EPOCH CHOSEN ON TEST")
    if not (run.result.audit.clean or run.spec.imported):
        marks.add(run.result.audit.verdict)
    if run.changes:
        marks.add(f"{CHANGED}, not ranked: {run.run.id}: {', '.join(run.changes)}")
    return marks


def _imported_mark(spec: RunSpec) -> str:
    return (
        f"IMPORTED codes of another program, not audited; protocol {spec.protocol}, backbone "
        f"{spec.backbone.name}, epoch chosen by: {spec.select}"
    )


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
