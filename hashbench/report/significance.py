"""Tables with significance: each row tested against one of them, query by query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashbench.errors import InputError, UnknownNameError
from hashbench.report import comparison, run_curves
from hashbench.report.comparison import Column, Row, Table
from hashbench.report.export import variant_name
from hashbench.report.rows import Variant
from hashbench.runs.layout import RunFolder


def versus(tables: Sequence[Table], name: str, folders: Mapping[str, RunFolder]) -> list[Table]:
    """The tables, each that has a row of that name with p-values against it.

    A name is a row's, with its labels behind it where that alone says which row. `folders` holds
    the runs by id. Raises UnknownNameError where no table has such a row, InputError where a table
    has several or the runs cannot be paired.
    """
    found = [_tested(table, _baseline(table, name), folders) for table in tables]
    if all(table.baseline is None for table in found):
        known = [_whole_name(row) for table in tables for row in table.rows]
        raise UnknownNameError("row", name, dict.fromkeys(known), where="--versus")
    return found


def _baseline(table: Table, name: str) -> Row | None:
    rows = [row for row in table.rows if name in (variant_name(row.variant), _whole_name(row))]
    if len(rows) > 1:
        names = ", ".join(_whole_name(row) for row in rows)
        raise InputError(f"{name!r} names several rows", where="--versus", remedy=f"one of {names}")
    return rows[0] if rows else None


def _whole_name(row: Row) -> str:
    return " ".join(part for part in (variant_name(row.variant), row.variant.labels) if part)


def _tested(table: Table, baseline: Row | None, folders: Mapping[str, RunFolder]) -> Table:
    if baseline is None:
        return table
    others = [row for row in table.rows if row is not baseline]
    tested = run_curves.significance(
        [folders[run] for run in baseline.runs],
        [[folders[run] for run in row.runs] for row in others],
        table.columns,
        table.metric,
    )
    p_values: dict[tuple[Variant, Column], float | None] = {
        (row.variant, column): p
        for row, values in zip(others, tested, strict=True)
        for column, p in zip(table.columns, values, strict=True)
    }
    return comparison.against(table, baseline.variant, p_values)
