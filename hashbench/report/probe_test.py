"""Trained rows tested against probe codes, query by query: the sure form of probe verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hashbench.report import probe_verdicts
from hashbench.report.comparison import Row, Table, Task
from hashbench.report.rows import Variant
from hashbench.report.significance import significance
from hashbench.runs.layout import RunFolder

MOST_PAIRS = 1_500_000_000
"""Pairs of a query and a database item that are ranked for it unasked, some seconds' work: all
methods on the built-in pictures at three lengths and seeds. Beyond that means are compared."""


def tested(table: Table, folder: Callable[[str], RunFolder]) -> Table:
    """The table, its verdicts with p-values, unless that takes long.

    `folder` leads from the id of a run to its folder. Raises InputError where the queries of a row
    and of its probe differ.
    """
    pairs = probe_verdicts.challengers(table.rows)
    if not pairs or _work(table, pairs) > MOST_PAIRS:
        return table
    rows_of: dict[Variant, list[Row]] = {}
    for row, probe in pairs:
        rows_of.setdefault(probe.variant, []).append(row)
    by_variant = {row.variant: row for row in table.rows}
    p: dict[tuple[Variant, Task], float] = {}
    for variant, rows in rows_of.items():
        values = significance(
            [folder(run) for run in by_variant[variant].runs],
            [[folder(run) for run in row.runs] for row in rows],
            table.columns,
            table.metric,
        )
        for row, of_row in zip(rows, values, strict=True):
            for column, value in zip(table.columns, of_row, strict=True):
                if value is not None:
                    p[row.variant, column] = value
    return replace(table, verdicts=probe_verdicts.by_means(table.rows, p))


def _work(table: Table, pairs: Sequence[tuple[Row, Row]]) -> int:
    """Pairs of query and database item that have to be ranked."""
    ranked = {row.variant: len(row.cells) * len(row.runs) for pair in pairs for row in pair}
    return table.sizes["query"] * table.sizes["database"] * sum(ranked.values())
