"""Files of codes as rows of a comparison table, where they are codes of the very same split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InputError
from hashbench.plan.directions import FUSED
from hashbench.report.comparison import Cell, Row, Table, Task
from hashbench.report.rows import Variant
from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    from hashbench.codefiles.load import RetrievalTask

SUFFIXES = (".mat", ".npz")
TAG = "(file)"
MARK = (
    "CODE FILE, not ranked: what its protocol, backbone and choice of the epoch were is not known"
)


@dataclass(frozen=True)
class CodeFile:
    """A file of codes, and what its row is called: by default its own name."""

    path: Path
    name: str = ""

    @property
    def row_name(self) -> str:
        return f"{self.name or self.path.name} {TAG}"


def with_code_files(
    tables: Sequence[Table], files: Sequence[CodeFile], folders: Mapping[str, RunFolder]
) -> list[Table]:
    """The tables with a row `NAME (file)` for each file, in those whose labels it has.

    `folders` holds the runs by id. Raises InputError, which names `hashbench eval`, for a file
    that is scored by other labels than every table, or does not say its direction.
    """
    fingerprints = [_labels_of(table, folders) for table in tables]
    for file in files:
        rows = _rows(file, tables, fingerprints)
        tables = [
            table if row is None else _with_row(table, row)
            for table, row in zip(tables, rows, strict=True)
        ]
    return list(tables)


def _labels_of(table: Table, folders: Mapping[str, RunFolder]) -> str:
    """The fingerprint of a table's labels, from the codes of any of its runs; empty without, and in
    cross-validation, of which a file can be but one fold.
    """
    if table.folds:
        return ""
    from hashbench.codefiles.native import read_codes
    from hashbench.metrics.label_fingerprint import label_fingerprint

    for row in table.rows:
        for run in row.runs:
            if any(folders[run].codes.glob("*.npz")):
                codes = read_codes(folders[run].codes)[0]
                return label_fingerprint(codes.query_labels, codes.database_labels)
    return ""


def _rows(file: CodeFile, tables: Sequence[Table], fingerprints: Sequence[str]) -> list[Row | None]:
    """The row of a file for each table, None for those that it is no row of."""
    from hashbench.codefiles.load import load
    from hashbench.metrics.label_fingerprint import label_fingerprint

    path = file.path
    tasks = load(path)
    first = tasks[0]
    own = label_fingerprint(first.query_labels, first.database_labels)
    if own not in fingerprints:
        sizes = f"{len(first.query):,} queries against {len(first.database):,} items"
        known = "; ".join(
            f"table {number}: {table.sizes['query']:,} against {table.sizes['database']:,}"
            for number, table in enumerate(tables, 1)
        )
        raise InputError(
            f"its labels ({sizes}) are not those of the runs' splits ({known or 'no run'}), so its "
            "scores cannot stand in one table with theirs",
            where=path,
            remedy=f"`hashbench eval {path}` scores it on its own",
        )
    if not first.direction:
        raise InputError(
            "does not say which modality asks and which is ranked",
            where=path,
            remedy=f"`hashbench eval {path} --direction i2t` scores it on its own",
        )
    return [
        _row(file, tasks, table) if fingerprint == own else None
        for table, fingerprint in zip(tables, fingerprints, strict=True)
    ]


def _row(file: CodeFile, tasks: Sequence[RetrievalTask], table: Table) -> Row | None:
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.ranking import evaluate

    fused = table.condition.task == FUSED
    cells: dict[Task, Cell] = {}
    for task in tasks:
        if (task.direction == FUSED) == fused:
            (score,) = evaluate(
                task.query,
                task.database,
                task.query_labels,
                task.database_labels,
                [parse_metric(table.metric)],
            )
            cells[task.query.bits, task.direction] = Cell((score.value,))
    if not cells:
        return None
    return Row(Variant(file.row_name, "", ""), cells, seeds=0, marks=(MARK,), runs=())


def _with_row(table: Table, row: Row) -> Table:
    columns = tuple(sorted({*table.columns, *row.cells}))
    return replace(table, rows=(*table.rows, row), columns=columns)
