"""Runs compared class by class: mean AP over the queries of each class, mean over seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from hashbench.report import export
from hashbench.report.comparison import Table
from hashbench.report.tables import NONE, Cell, Grid
from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder

Classes = Sequence[Mapping[str, Any]]
"""What `hashbench.report.run_curves.classes` says of one run."""

NOTE = (
    "AP of mAP@all, mean over the queries of a class and over seeds; a query of several classes "
    "counts in each; rows from the lowest mean on: the classes that are hardest come first"
)


def runs_of(tables: Sequence[Table]) -> list[str]:
    """The runs whose codes a comparison by class needs, each once."""
    return list(dict.fromkeys(run for table in tables for row in table.rows for run in row.runs))


def request(runs: Sequence[str], folder: Callable[[str], RunFolder]) -> dict[str, Any]:
    """The question to `hashbench.report.analysis_process`, answered in the order of `runs`."""
    return {"ask": "classes", "runs": [str(folder(run).path) for run in runs]}


def grids(tables: Sequence[Table], by_run: Mapping[str, Classes]) -> list[Grid]:
    """One for each table: a row a class, a column for each of its rows and tasks."""
    return [_grid(table, number, by_run) for number, table in enumerate(tables, 1)]


def _grid(table: Table, number: int, by_run: Mapping[str, Classes]) -> Grid:
    # a table of one variant needs no names above its columns
    rows = [row for row in table.rows if row.runs]
    names = [export.row_name(row) if len(rows) > 1 else "" for row in rows]
    columns = [
        (f"{name} {bits} {direction}".strip(), row, f"{direction} {bits}")
        for bits, direction in table.columns
        for name, row in zip(names, rows, strict=True)
        if (bits, direction) in row.cells
    ]
    queries: dict[str, int] = {}
    values: dict[str, list[float | None]] = {}
    for place, (_, row, key) in enumerate(columns):
        for name, mean in _means([by_run.get(run, ()) for run in row.runs], key).items():
            values.setdefault(name, [None] * len(columns))[place] = mean
    for classes in by_run.values():
        queries |= {str(one["name"]): int(one["queries"]) for one in classes}
    order = sorted(values, key=lambda name: fmean([v for v in values[name] if v is not None]))
    keys = [key for _, _, key in columns]
    return Grid(
        headers=("class", "queries", *(title for title, _, _ in columns)),
        rows=tuple(
            (Cell(plain(name)), Cell(f"{queries.get(name, 0):,}"), *_cells(values[name], keys))
            for name in order
        ),
        words=1,
        title=export.title(table, number),
        notes=(NOTE,),
    )


def _means(runs: Sequence[Classes], key: str) -> dict[str, float]:
    """Class -> mean over the runs that have it."""
    found: dict[str, list[float]] = {}
    for classes in runs:
        for one in classes:
            if key in one["values"]:
                found.setdefault(str(one["name"]), []).append(float(one["values"][key]))
    return {name: fmean(values) for name, values in found.items()}


def _cells(values: Sequence[float | None], keys: Sequence[str]) -> list[Cell]:
    """The best of each direction and bit length is marked where there are several."""
    best = {
        key: max((v for v, k in zip(values, keys, strict=True) if k == key and v is not None))
        for key in {k for v, k in zip(values, keys, strict=True) if v is not None}
        if keys.count(key) > 1
    }
    return [
        Cell(NONE) if value is None else Cell(f"{value:.4f}", best=best.get(key) == value)
        for value, key in zip(values, keys, strict=True)
    ]
