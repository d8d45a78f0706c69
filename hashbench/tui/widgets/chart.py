"""A panel with curves over training steps, or over any other rising x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from hashbench.report.braille import MARKS, Plot, draw, label
from hashbench.report.run_series import Curve, smoothed

COLOURS = 8
TICKS = 7  # cells left of the axis


class Chart(Widget, can_focus=False):
    """Draws curves, with ticks, letters at the lines' ends, stage marks and a legend."""

    ALLOW_MAXIMIZE = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--axis", "chart--title", *(f"chart--line-{n}" for n in range(COLOURS)),
    }  # fmt: skip

    def __init__(
        self,
        title: str,
        *,
        empty: str = "",
        unit: str = "steps",
        id: str | None = None,  # noqa: A002 - as every widget of Textual
    ) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._title = title
        self._empty = empty
        self._unit = unit
        self._curves: Sequence[Curve] = ()
        self._stages: Sequence[tuple[float, str]] = ()
        self._log = False
        self._smoothing = 0.0
        self._drawn: list[Strip] | None = None

    @property
    def has_data(self) -> bool:
        """Whether there is anything to draw."""
        return any(len(curve.xs) for curve in self._curves)

    def show(
        self,
        curves: Sequence[Curve],
        stages: Sequence[tuple[float, str]] = (),
        *,
        log: bool = False,
        smoothing: float = 0.0,
    ) -> None:
        """Shows other curves, or draws them in another way."""
        shown = (curves, stages, log, smoothing)
        if shown == (self._curves, self._stages, self._log, self._smoothing):
            return
        self._curves, self._stages, self._log, self._smoothing = shown
        modes = [name for name, on in (("log", log), (f"smoothed {smoothing:g}", smoothing)) if on]
        self.border_title = f"{self._title} ({', '.join(modes)})" if modes else self._title
        self._drawn = None
        self.refresh()

    def on_resize(self) -> None:
        """Curves are thinned to the new width."""
        self._drawn = None

    def notify_style_update(self) -> None:
        """Another theme: everything is drawn anew."""
        super().notify_style_update()
        self._drawn = None

    def render_line(self, y: int) -> Strip:
        """One line of the panel."""
        if self._drawn is None:
            self._drawn = self._draw()
        if y < len(self._drawn):
            return self._drawn[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        base = self.rich_style
        axis = base + self.get_component_rich_style("chart--axis", partial=True)
        if not self.has_data:
            text = self._empty[: max(0, width)].center(width)
            return [Strip.blank(width, base)] * (height // 2) + [Strip([Segment(text, axis)])]
        legend = self._legend(width, max(1, height // 3), base)
        rows = max(1, height - 1 - len(legend))
        columns = max(1, width - TICKS - 3)
        curves = [
            Curve(curve.name, curve.xs, smoothed(curve.ys, self._smoothing))
            for curve in self._curves
        ]
        plot = draw(curves, columns, rows, log=self._log)
        lines = self._chart_rows(plot, columns, base, axis)
        lines.append(Strip([Segment(self._x_axis(plot, columns), axis)]))
        return [line.adjust_cell_length(width, base) for line in [*lines, *legend]]

    def _chart_rows(self, plot: Plot, columns: int, base: Style, axis: Style) -> list[Strip]:
        starts = {self._column(plot, x, columns) for x, _ in self._stages[1:]}
        styles = [self._colour(number, base) for number in range(COLOURS)]
        lines = []
        for row, cells in enumerate(plot.rows):
            segments = [Segment(f"{plot.ticks.get(row, ''):>{TICKS - 1}} ", axis)]
            segments.append(Segment("┤" if row in plot.ticks else "│", axis))
            letters, style = "", axis
            for column, cell in enumerate((*cells, (" ", None))):
                letter, number = plot.marks.get((row, column), cell)
                if number is None:
                    letter = "┊" if column in starts else " "
                cell_style = axis if number is None else styles[number % COLOURS]
                if cell_style is not style:  # one segment for a stretch of one colour
                    segments.append(Segment(letters, style))
                    letters, style = "", cell_style
                letters += letter
            lines.append(Strip([*segments, Segment(letters, style)]))
        return lines

    def _x_axis(self, plot: Plot, columns: int) -> str:
        left, right = plot.x_range
        letters = [" "] * columns
        last = f"{_count(right)} {self._unit}".strip()
        begin = _count(left)
        placed = [(0, begin), (max(0, columns - len(last)), last)]
        places = {self._column(plot, x, columns): name for x, name in self._stages}
        first = max((place for place in places if place <= 0), default=0)
        for place, name in places.items() if len(places) > 1 else ():
            if place > 0:
                placed.append((place, f"┊{name}"))
            elif place == first:  # the stage that the first point belongs to
                placed.append((len(begin) + 1, f"┊{name}"))
        for start, text in placed:
            end = start + len(text)
            around = letters[max(0, start - 1) : end + 1]
            if end <= columns and not "".join(around).strip():  # labels never touch
                letters[start:end] = text
        return " " * (TICKS + 1) + "".join(letters)

    @staticmethod
    def _column(plot: Plot, x: float, columns: int) -> int:
        left, right = plot.x_range
        return round((x - left) / (right - left) * (columns - 1)) if right > left else 0

    def _colour(self, number: int, base: Style) -> Style:
        name = f"chart--line-{number % COLOURS}"
        return base + self.get_component_rich_style(name, partial=True)

    def _legend(self, width: int, most: int, base: Style) -> list[Strip]:
        """`a name 0.123` for each line, in at most `most` lines."""
        lines: list[list[Segment]] = [[]]
        used = 0
        for number, curve in enumerate(self._curves):
            if not curve.ys:
                continue
            letter = MARKS[number % len(MARKS)]
            text = f" {curve.name} {label(curve.ys[-1])}  "
            if used + 1 + cell_len(text) > width and used:
                if len(lines) == most:
                    hidden = sum(bool(later.ys) for later in self._curves[number:])
                    _more(lines[-1], f"+{hidden}", width, base)
                    break
                lines.append([])
                used = 0
            lines[-1] += [Segment(letter, self._colour(number, base)), Segment(text, base)]
            used += 1 + cell_len(text)
        return [Strip(line) for line in lines]


def _more(line: list[Segment], text: str, width: int, base: Style) -> None:
    """Ends a full line of the legend with how many are left out."""
    kept = Strip(line).crop(0, max(0, width - len(text) - 1))
    line[:] = [*kept, Segment(" " + text, base)]


def _count(value: float) -> str:
    """A number of steps, or a share."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
