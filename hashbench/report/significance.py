"""Significance against one row of a table: each other row tested, query by query.

Reading codes needs numpy and takes a while, so the workbench asks another process: `request` makes
the question, `hashbench.report.analysis_process` answers it, `with_p_values` puts the answer into
the table. `tested_against` does all of it here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import spec as specs
from hashbench.report.comparison import Row, Table, Task, system_name
from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    from hashbench.metrics.histograms import Values

SEED = 0  # of the permutations: the same question has the same answer

PValues = list[list[float | None]]
"""By row and column of a table; None where there was nothing to test."""


def versus(tables: Sequence[Table], name: str, folder: Callable[[str], RunFolder]) -> list[Table]:
    """The tables, each that has a row of that name with p-values against it.

    `folder` leads from the id of a run to its folder. A name is any part of a row's name that fits
    one row of a table alone. Raises UnknownNameError where no table has such a row, InputError
    where a table has several or the runs cannot be paired.
    """
    rows = [find_row(table, name) for table in tables]
    if all(row is None for row in rows):
        known = [full_name(row) for table in tables for row in table.rows if row.runs]
        raise UnknownNameError("row", name, dict.fromkeys(known), where="--versus")
    return [
        table if row is None else tested_against(table, row, folder)
        for table, row in zip(tables, rows, strict=True)
    ]


def find_row(table: Table, name: str) -> Row | None:
    """The row of a table that `name` says: its whole name, with or without its labels, or else a
    part of it. Raises InputError, listing the candidates, where several rows fit equally well.
    """
    rows = [row for row in table.rows if row.runs]  # published numbers have no queries
    wanted = name.lower().split()
    for matches in (
        [row for row in rows if full_name(row).lower().split() == wanted],
        [row for row in rows if system_name(row.variant).lower().split() == wanted],
        [row for row in rows if set(wanted) <= set(full_name(row).lower().split())],
        [row for row in rows if all(part in full_name(row).lower() for part in wanted)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = "; ".join(full_name(row) for row in matches)
            raise InputError(
                f"{name!r} fits several rows", where="--versus", remedy=f"one of: {names}"
            )
    return None


def full_name(row: Row) -> str:
    """Method, changes and labels of a row: what tells it from all others of its table."""
    return " ".join(part for part in (system_name(row.variant), row.variant.labels) if part)


def request(table: Table, baseline: Row, folder: Callable[[str], RunFolder]) -> dict[str, Any]:
    """The question to `hashbench.report.analysis_process` whose answer holds the p-values."""

    def paths(row: Row) -> list[str]:
        return [str(folder(run).path) for run in row.runs]

    return {
        "ask": "significance",
        "baseline": paths(baseline),
        "others": [paths(row) for row in _others(table, baseline)],
        "columns": [list(column) for column in table.columns],
        "metric": table.metric,
    }


def with_p_values(table: Table, baseline: Row, p_values: PValues) -> Table:
    """The table with p-values of its cells, as `significance` gives them for the rows that have
    runs and are not the baseline, in their order.
    """
    by_variant = {
        row.variant: dict(zip(table.columns, values, strict=True))
        for row, values in zip(_others(table, baseline), p_values, strict=True)
    }

    def tested(row: Row) -> Row:
        own = by_variant.get(row.variant, {}) if row.runs else {}
        return replace(
            row, cells={task: replace(cell, p=own.get(task)) for task, cell in row.cells.items()}
        )

    return replace(table, rows=tuple(map(tested, table.rows)), baseline=baseline.variant)


def tested_against(table: Table, baseline: Row, folder: Callable[[str], RunFolder]) -> Table:
    """The table, its rows tested against one of them. Raises InputError."""
    p_values = significance(
        [folder(run) for run in baseline.runs],
        [[folder(run) for run in row.runs] for row in _others(table, baseline)],
        table.columns,
        table.metric,
    )
    return with_p_values(table, baseline, p_values)


def _others(table: Table, baseline: Row) -> list[Row]:
    return [row for row in table.rows if row.runs and row.variant != baseline.variant]


def significance(
    baseline: Sequence[RunFolder],
    others: Sequence[Sequence[RunFolder]],
    columns: Sequence[Task],
    metric: str,
) -> PValues:
    """p-values of each of `others` against `baseline`, column by column.

    A system is several runs, one a seed: its value for a query is the mean over them. Two-sided
    paired randomisation test over queries (`hashbench.metrics.significance`), corrected for all
    comparisons of the table by Holm's procedure (1979). None where one of the two has no codes of
    that column. Raises InputError where the queries differ.
    """
    from hashbench.metrics.significance import paired_randomisation

    reference = {column: _system_values(baseline, column, metric) for column in columns}
    raw: PValues = []
    for system in others:
        row: list[float | None] = []
        for column in columns:
            theirs, ours = _system_values(system, column, metric), reference[column]
            if ours is None or theirs is None:
                row.append(None)
                continue
            if ours[1] != theirs[1]:
                raise InputError(
                    "the runs rank different queries, so they cannot be paired",
                    where=f"{baseline[0].id}, {system[0].id}",
                )
            row.append(paired_randomisation(ours[0], theirs[0], seed=SEED).p_value)
        raw.append(row)
    return holm(raw)


def seed_values(
    runs: Sequence[RunFolder], column: Task, metric: str
) -> dict[int, tuple[Values, tuple[str, ...]]]:
    """By seed, the per-query values and the ids of the queries, of the latest run of each seed that
    has codes of that column.
    """
    from hashbench.codefiles.native import read_code_file
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.ranking import evaluate

    bits, direction = column
    by_seed: dict[int, tuple[Values, tuple[str, ...]]] = {}
    for run in sorted(runs, key=lambda run: run.id):
        spec = specs.read(run.spec)
        path = run.codes / f"{bits}.npz"
        if bits not in spec.bits or not path.is_file():
            continue
        codes = read_code_file(path)
        (score,) = evaluate(
            *codes.sides(direction),
            codes.query_labels,
            codes.database_labels,
            [parse_metric(metric)],
        )
        by_seed[spec.seed] = score.per_query, tuple(codes.query_ids)
    return by_seed


def _system_values(
    runs: Sequence[RunFolder], column: Task, metric: str
) -> tuple[Values, tuple[str, ...]] | None:
    """(mean over seeds of per-query values, ids of the queries)."""
    import numpy as np

    by_seed = seed_values(runs, column, metric)
    if not by_seed:
        return None
    ids = {ids for _, ids in by_seed.values()}
    if len(ids) > 1:
        raise InputError("seeds of one row rank different queries", where=runs[0].id)
    return np.mean([values for values, _ in by_seed.values()], axis=0), ids.pop()


def holm(raw: PValues) -> PValues:
    """Holm's step-down correction over all p-values: adjusted ones, in their places."""
    places = [
        (p, row, column)
        for row, values in enumerate(raw)
        for column, p in enumerate(values)
        if p is not None
    ]
    adjusted = [list(values) for values in raw]
    highest = 0.0
    for rank, (p, row, column) in enumerate(sorted(places)):
        highest = max(highest, min(1.0, p * (len(places) - rank)))
        adjusted[row][column] = highest
    return adjusted
