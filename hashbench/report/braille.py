"""Line charts of braille dots, 2 x 4 dots a cell, drawn in plain Python.

numpy-based plotting widgets cost more to import than the rest of the workbench, and a panel shows
some hundred points; so this is a page of code and needs no array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hashbench.report.run_series import Curve

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
MARKS = "abcdefghijklmnopqrstuvwxyz"

Cell = tuple[str, int | None]
"""A character and the number of the line it belongs to."""


@dataclass(frozen=True)
class Plot:
    """A drawn chart: `rows` of cells, top first, and the labels around them.

    `ticks` maps a row to the text at its left. `marks` maps (row, column) behind a line's end to
    (letter, line), so that lines differ without colour; the column may be `width`.
    """

    rows: tuple[tuple[Cell, ...], ...]
    ticks: dict[int, str]
    marks: dict[tuple[int, int], tuple[str, int]]
    x_range: tuple[float, float]
    log: bool


def thin(xs: Sequence[float], ys: Sequence[float], columns: int) -> tuple[list[float], list[float]]:
    """At most four points for each of `columns` equal stretches of x: first, lowest, highest, last.

    What is drawn on that many columns stays as it was, peaks included.
    """
    if len(xs) <= 4 * columns or xs[-1] <= xs[0]:
        return list(xs), list(ys)
    low, scale = xs[0], columns / (xs[-1] - xs[0])
    out_x: list[float] = []
    out_y: list[float] = []
    start = 0
    while start < len(xs):
        column = min(columns - 1, int((xs[start] - low) * scale))
        stop = start + 1
        lowest = highest = start
        while stop < len(xs) and min(columns - 1, int((xs[stop] - low) * scale)) == column:
            if ys[stop] < ys[lowest]:
                lowest = stop
            elif ys[stop] > ys[highest]:
                highest = stop
            stop += 1
        for index in sorted({start, lowest, highest, stop - 1}):
            out_x.append(xs[index])
            out_y.append(ys[index])
        start = stop
    return out_x, out_y


def draw(
    curves: Sequence[Curve],
    width: int,
    height: int,
    *,
    log: bool = False,
    y_range: tuple[float, float] | None = None,
) -> Plot:
    """The curves on `width` x `height` cells.

    Intervals stand upright at their points. `log` applies where every value is above 0. Values
    outside of `y_range` are drawn at its edge.
    """
    points = [y for curve in curves for y in curve.ys]
    spans = [x for curve in curves for x in (curve.xs[:1] + curve.xs[-1:])]
    if not points or width < 1 or height < 1:
        return Plot(tuple(() for _ in range(max(0, height))), {}, {}, (0.0, 0.0), log=False)
    log = log and min(points) > 0
    low, high = y_range or (min(points), max(points))
    left, right = min(spans), max(spans)
    scale = _Scale(low, high, 4 * height, log=log)
    dots = [[0] * width for _ in range(height)]
    owner: list[list[int | None]] = [[None] * width for _ in range(height)]
    # dots for each unit of x: the first point is at the left edge, the last at the right one
    across = (2 * width - 1) / (right - left) if right > left else 0.0
    ends: list[tuple[int, int, int]] = []
    for number, curve in enumerate(curves):
        if not curve.xs:
            continue
        xs, ys = thin(curve.xs, curve.ys, width)
        last: tuple[int, int] | None = None
        for x, y in zip(xs, ys, strict=True):
            point = (round((x - left) * across), scale.dot(y))
            _line(dots, owner, number, last or point, point)
            last = point
        for x, (below, above) in zip(curve.xs, curve.spans, strict=False):
            column = round((x - left) * across)
            ends_at = scale.dot(above), scale.dot(max(low, below))  # a logarithm has no 0
            _line(dots, owner, number, (column, ends_at[0]), (column, ends_at[1]))
        if last is not None:  # the letter stands one cell behind the last dot
            ends.append((last[0] // 2 + 1, last[1] // 4, number))
    rows = tuple(
        tuple(
            (chr(_BLANK + bits) if bits else " ", line)
            for bits, line in zip(dot_row, owner_row, strict=True)
        )
        for dot_row, owner_row in zip(dots, owner, strict=True)
    )
    return Plot(rows, scale.ticks(height), _placed(ends, height), (left, right), log)


def _line(
    dots: list[list[int]],
    owner: list[list[int | None]],
    number: int,
    start: tuple[int, int],
    stop: tuple[int, int],
) -> None:
    """Sets the dots from `start` to `stop`, one for each step along the longer side."""
    (x0, y0), (x1, y1) = start, stop
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for step in range(steps + 1):
        x = x0 + round((x1 - x0) * step / steps)
        y = y0 + round((y1 - y0) * step / steps)
        dots[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        owner[y // 4][x // 2] = number


def _placed(
    ends: list[tuple[int, int, int]], height: int
) -> dict[tuple[int, int], tuple[str, int]]:
    """Places for the letters behind the lines' ends, moved apart where two would coincide."""
    placed: dict[tuple[int, int], tuple[str, int]] = {}
    for column, end_row, number in sorted(ends):
        free = [row for row in range(height) if (row, column) not in placed]
        if free:
            row = min(free, key=lambda row: (abs(row - end_row), row))
            placed[row, column] = MARKS[number % len(MARKS)], number
    return placed


class _Scale:
    """Values to dot rows (0 at the top), linear or logarithmic, with ticks at round numbers."""

    def __init__(self, low: float, high: float, dots: int, *, log: bool) -> None:
        self._log = log
        low, high = self._to(low), self._to(high)
        if high - low < 1e-12 * max(1.0, abs(low)):
            margin = 0.5 if log else max(abs(low) * 0.1, 1e-6)
            low, high = low - margin, high + margin
        self._low, self._high, self._dots = low, high, dots

    def _to(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def dot(self, value: float) -> int:
        share = (self._to(value) - self._low) / (self._high - self._low)
        return round((1 - min(1.0, max(0.0, share))) * (self._dots - 1))

    def ticks(self, height: int) -> dict[int, str]:
        """A label for some rows: top, bottom, and about one in four between them."""
        count = max(2, min(height, 1 + height // 3))
        labels = {}
        for index in range(count):
            row = round(index * (height - 1) / (count - 1))
            share = 1 - (row * 4 + 1.5) / (self._dots - 1)
            value = self._low + min(1.0, max(0.0, share)) * (self._high - self._low)
            labels[row] = label(10**value if self._log else value, self._step())
        return labels

    def _step(self) -> float:
        return 0.0 if self._log else self._high - self._low


def label(value: float, spread: float = 0.0) -> str:
    """A number in at most six characters; `spread` is the range that its neighbours cover."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e5 or size < 1e-3:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    digits = 3 - math.ceil(math.log10(spread)) if spread > 0 else 2 - math.floor(math.log10(size))
    digits = max(0, min(digits, 5 - max(1, math.floor(math.log10(size)) + 1)))
    return f"{value:.{digits}f}"
