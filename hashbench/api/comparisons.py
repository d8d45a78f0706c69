"""Runs and files of codes in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hashbench.api.arrays import PathLike, in_python
from hashbench.api.runs import Run, folders_of
from hashbench.errors import InputError
from hashbench.metrics.metric import parse_metric
from hashbench.report import code_file_rows, comparison, export, rows
from hashbench.report.comparison import Table
from hashbench.report.notebook import rich_text
from hashbench.report.significance import versus as tested_against


class Comparison:
    """Tables of rows that may be ranked against each other; a notebook shows them.

    `tables` hold every number, see `hashbench.report.comparison`.
    """

    def __init__(self, tables: Iterable[Table], unfinished: Iterable[rows.Unfinished]) -> None:
        self.tables = tuple(tables)
        self._unfinished = tuple(unfinished)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary for each row, bit length and direction: `pandas.DataFrame(records)`."""
        return [
            {
                "table": number,
                "method": row.variant.method,
                "labels": row.variant.labels,
                "changes": row.variant.changes,
                "bits": bits,
                "direction": direction,
                "metric": table.metric,
                "mean": cell.mean,
                "deviation": cell.deviation,
                "seeds": len(cell.values),
                "p": cell.p,
                "best": cell.best,
                "marks": row.marks,
            }
            for number, table in enumerate(self.tables, 1)
            for row in table.rows
            for (bits, direction), cell in sorted(row.cells.items())
        ]

    def to_markdown(self) -> str:
        """Markdown tables, the best in bold."""
        return export.markdown(self.tables)

    def to_latex(self) -> str:
        """LaTeX tables for booktabs."""
        return export.latex(self.tables)

    def to_csv(self) -> str:
        """One line for each number, with all that it depends on."""
        return export.comma_separated(self.tables)

    def to_json(self) -> str:
        """Everything, for machines."""
        return export.as_json(self.tables, self._unfinished)

    def __str__(self) -> str:
        return rich_text(export.rich_tables(self.tables))

    def __repr__(self) -> str:
        return f"<{len(self.tables)} tables, {sum(len(table.rows) for table in self.tables)} rows>"

    def _repr_html_(self) -> str:
        return export.html(self.tables)


def compare(
    runs: Iterable[Run | PathLike] | None = None,
    *,
    metric: str = "mAP@all",
    versus: str | None = None,
    code_files: Mapping[str, PathLike] | Iterable[PathLike] = (),
    runs_dir: PathLike = "runs",
) -> Comparison:
    """Puts finished runs into tables: mean and deviation over seeds, the best marked.

    `runs` are what `load_run` gives, ids of runs or their folders; all of `runs_dir` by default.
    `versus` names a row, against which all others of its table are tested. `code_files` are files
    of codes of the same split, or a mapping from the name of a row to its file. Only runs of equal
    dataset, split, backbone and protocol share a table. Raises InputError where there is no run,
    and for names that fit none.

    >>> import hashbench
    >>> hashbench.compare(["no-such-run"], runs_dir="/nonexistent")
    Traceback (most recent call last):
    hashbench.errors.UnknownNameError: there is no run named 'no-such-run'
      remedy: none are available
    """
    with in_python():
        name = str(parse_metric(metric, "metric"))
    folder = Path(runs_dir)
    collected = rows.collect(folders_of(runs, folder))
    if not collected.finished:
        problems = [*collected.damaged, *export.unfinished_lines(collected.unfinished)]
        raise InputError("no run has finished", where=folder, remedy="; ".join(problems) or None)
    by_id = {one.run.id: one.run for one in collected.finished}
    tables = comparison.compare(collected.finished, name)
    with in_python():
        if versus is not None:
            tables = tested_against(tables, versus, by_id.__getitem__)
        files = [
            code_file_rows.CodeFile(Path(path), name) for name, path in _named(code_files).items()
        ]
        tables = code_file_rows.with_code_files(tables, files, by_id)
    return Comparison(tables, collected.unfinished)


def _named(files: Mapping[str, PathLike] | Iterable[PathLike]) -> dict[str, PathLike]:
    if isinstance(files, Mapping):
        return dict(files)
    return {Path(file).name: file for file in files}
