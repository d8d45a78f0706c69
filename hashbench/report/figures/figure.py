"""A figure as plain numbers: what is drawn on paper, in a terminal, and written as CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Form = Literal["lines", "points", "bars", "dots", "heat"]


@dataclass(frozen=True)
class Series:
    """One line, or one kind of points or bars, with as many `ys` as `xs`.

    `low` and `high` are the ends of the intervals around `ys`; empty where there are none. `runs`
    is how many runs, one a seed, were averaged.
    """

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    runs: int = 1


@dataclass(frozen=True)
class Axis:
    """What an axis shows. `ticks` are (place, text) where numbers alone would not say it;
    `base` is that of a logarithmic axis, 0 for a linear one; `whole`: there is nothing between two
    whole numbers.
    """

    label: str
    base: int = 0
    ticks: tuple[tuple[float, str], ...] = ()
    bounds: tuple[float, float] | None = None
    whole: bool = False


@dataclass(frozen=True)
class Heat:
    """Values of the cells of a grid, row by row, from 0 to `most`. `columns` names the columns.

    `picture` is a PNG that the grid lies upon. `words` are those of a caption with what each
    weighs, from 0 to `most_word`; they stand below the grid.
    """

    rows: tuple[tuple[float, ...], ...]
    most: float
    columns: tuple[str, ...] = ()
    picture: bytes = field(default=b"", repr=False)
    words: tuple[tuple[str, float], ...] = ()
    most_word: float = 0.0


@dataclass(frozen=True)
class Panel:
    """One pair of axes. `marks` are (x, text) where something begins.

    Of bars and dots, `x` names the values, which lie along it, and the ticks of `y` the categories.
    """

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...] = ()
    form: Form = "lines"
    marks: tuple[tuple[float, str], ...] = ()
    heat: Heat | None = None


@dataclass(frozen=True)
class Figure:
    """Panels that share one legend. `notes` say what a reader of the numbers must know."""

    kind: str
    title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of all series, each once; their place decides colour and marker."""
        return list(dict.fromkeys(one.name for panel in self.panels for one in panel.series))


CSV_HEADER = ("kind", "panel", "series", "x", "x_text", "y", "low", "high", "runs")


def records(figure: Figure) -> list[dict[str, Any]]:
    """One record for each point, bar or cell."""
    return [
        {"kind": figure.kind, "panel": panel.title} | record
        for panel in figure.panels
        for record in (*_points(panel), *_cells(panel))
    ]


def _points(panel: Panel) -> Iterator[dict[str, Any]]:
    texts = dict(panel.y.ticks if panel.form in ("bars", "dots") else panel.x.ticks)
    for one in panel.series:
        low, high = one.low or (None,) * len(one.xs), one.high or (None,) * len(one.xs)
        for x, y, below, above in zip(one.xs, one.ys, low, high, strict=True):
            yield {
                "series": one.name, "x": x, "x_text": texts.get(x, ""), "y": y,
                "low": below, "high": above, "runs": one.runs,
            }  # fmt: skip


def _cells(panel: Panel) -> Iterator[dict[str, Any]]:
    heat = panel.heat
    for number, row in enumerate(heat.rows if heat is not None else ()):
        for column, value in enumerate(row):
            text = heat.columns[column] if heat is not None and heat.columns else ""
            yield {
                "series": f"row {number}", "x": float(column), "x_text": text, "y": value,
                "low": None, "high": None, "runs": 1,
            }  # fmt: skip
    for place, (word, value) in enumerate(heat.words if heat is not None else ()):
        yield {
            "series": "words", "x": float(place), "x_text": word, "y": value,
            "low": None, "high": None, "runs": 1,
        }  # fmt: skip


def as_values(figure: Figure) -> dict[str, Any]:
    """The figure for JSON; pictures are left out."""
    values = asdict(figure)
    for panel in values["panels"]:
        if panel["heat"] is not None:
            del panel["heat"]["picture"]
    return values


def log_base(series: Sequence[Series], least: float = 30.0) -> int:
    """10 where all values are above 0 and span more than a factor of `least`, else 0."""
    values = [y for one in series for y in (*one.ys, *one.low)]
    return 10 if values and min(values) > 0 and max(values) > least * min(values) else 0
