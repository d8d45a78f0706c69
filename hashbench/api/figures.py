"""Figures of runs: shown in notebooks, written as files, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hashbench.api.arrays import PathLike, in_python
from hashbench.api.runs import Run, folders_of
from hashbench.files.atomic import write_bytes_atomically
from hashbench.metrics.metric import parse_metric
from hashbench.report import rows
from hashbench.report.figures import catalog, paper, terminal
from hashbench.report.figures.catalog import PlotOptions
from hashbench.report.figures.figure import Figure, records
from hashbench.report.notebook import rich_text

TERMINAL_WIDTH = 100


class Plot:
    """A figure of runs. A notebook shows it as SVG where the extra `plots` is installed, and `str`
    draws it in characters; `figure` holds every number, see `hashbench.report.figures.figure`.
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def records(self) -> list[dict[str, Any]]:
        """One dictionary a point: `pandas.DataFrame(records)`."""
        return [dict(record) for record in records(self.figure)]

    def save(self, path: PathLike, width: str = "") -> Path:
        """Writes FILE.pdf, FILE.svg or FILE.png; `width` is "column", "page" or inches, as in
        `hashbench plot`. Raises InputError for another ending, and without the extra `plots`.
        """
        file = Path(path)
        form = file.suffix.lower().removeprefix(".")
        with in_python():
            paper.check_form(form)
            inches = paper.inches(width, self.figure)
        write_bytes_atomically(file, paper.written(self.figure, form, inches))
        return file

    def __repr__(self) -> str:
        return f"<figure {self.figure.title}: {len(self.figure.panels)} panels>"

    def __str__(self) -> str:
        return rich_text(terminal.rendered(self.figure, TERMINAL_WIDTH))

    def _repr_svg_(self) -> str | None:
        if not paper.installed():
            return None  # the notebook shows `__str__` instead
        return paper.inline_svg(self.figure, paper.inches("", self.figure))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


def plot(
    kind: str,
    runs: Iterable[Run | PathLike] | None = None,
    *,
    over: str = "",
    metric: str = "mAP@all",
    seed: int = 0,
    runs_dir: PathLike = "runs",
    data_dir: PathLike = "data",
) -> Plot:
    """A figure, as `hashbench plot KIND` draws it: runs that are equal but for the seed are one
    line, their mean with its 95 % interval.

    `runs` are what `load_run` gives, ids of runs or their folders; all of `runs_dir` by default.
    Raises UnknownNameError for a kind that is none, InputError where the runs do not have it.

    >>> import hashbench
    >>> hashbench.plot("losess")
    Traceback (most recent call last):
    hashbench.errors.UnknownNameError: kind: there is no figure named 'losess'
      remedy: did you mean losses? valid: losses, map-over-epochs, map-over-bits, parameter, \
precision-recall, precision-radius, recovery, per-class, rank-stability, t-sne, machine, attention
    """
    with in_python():
        catalog.check_kind(kind)
        name = str(parse_metric(metric, "metric"))
    collected = rows.collect(folders_of(runs, Path(runs_dir)))
    options = PlotOptions(name, over, seed, data_dir=Path(data_dir))
    with in_python():
        return Plot(catalog.figure(kind, collected, options))
