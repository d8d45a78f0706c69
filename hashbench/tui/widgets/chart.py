"""A panel with curves over training steps, or over any other rising x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hashbench.report.braille import MARKS, Plot, draw, label
from hashbench.report.run_series import Curve, Mark, smoothed
from hashbench.report.text import short_duration
from hashbench.tui.axis import clipped, value_at

COLOURS = 8
TICKS = 7  # cells left of the axis
TICK_CELLS = 4  # from one epoch's tick to the next, at least
LEAST_STRETCH = 3  # cells between pressing and letting go of the mouse
TIME_UNIT = "time"
REVERSED = Style(reverse=True)


@dataclass(frozen=True)
class ChartView:
    """How curves are looked at: the place of the cursor and what is there in words, the stretch
    that is shown, and what stands along the axis.
    """

    cursor: float | None = None
    cursor_text: str = ""
    span: tuple[float, float] | None = None
    unit: str = "steps"
    marks: Sequence[Mark] = ()
    ticks: Sequence[float] = ()


class Chart(Widget, can_focus=False):
    """Draws curves, with ticks, letters at the lines' ends, stage marks and a legend, which has the
    values under the cursor where there is one.

    A click posts Pointed, dragging posts Stretched, the wheel posts Wheeled.
    """

    ALLOW_MAXIMIZE = True
    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--axis", "chart--title", *(f"chart--line-{n}" for n in range(COLOURS)),
    }  # fmt: skip

    class Pointed(Message):
        """A click at a place of the x axis."""

        def __init__(self, x: float) -> None:
            super().__init__()
            self.x = x

    class Stretched(Message):
        """A stretch of the x axis was drawn with the mouse."""

        def __init__(self, low: float, high: float) -> None:
            super().__init__()
            self.low, self.high = low, high

    class Wheeled(Message):
        """The wheel was turned at a place: up (1) comes closer, down (-1) goes away."""

        def __init__(self, x: float, by: int) -> None:
            super().__init__()
            self.x, self.by = x, by

    def __init__(
        self,
        title: str,
        *,
        empty: str = "",
        unit: str = "steps",
        id: str | None = None,  # noqa: A002 - as every widget of Textual
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = title
        self._title = title
        self._empty = empty
        self._view = ChartView(unit=unit)
        self._curves: Sequence[Curve] = ()
        self._stages: Sequence[tuple[float, str]] = ()
        self._log = False
        self._smoothing = 0.0
        self._drawn: list[Strip] | None = None
        self._x_range = (0.0, 0.0)
        self._pressed: int | None = None

    @property
    def x_range(self) -> tuple[float, float]:
        """What the x axis spans: the stretch that is shown, or all points."""
        ends = [x for curve in self._curves for x in (*curve.xs[:1], *curve.xs[-1:])]
        return self._view.span or ((min(ends), max(ends)) if ends else (0.0, 0.0))

    @property
    def columns(self) -> int:
        """Cells from the left end of the x axis to the right one."""
        return max(1, self.size.width - TICKS - 3)

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
        view: ChartView | None = None,
    ) -> None:
        """Shows other curves, or draws them in another way."""
        shown = (curves, stages, log, smoothing, self._view if view is None else view)
        if shown == (self._curves, self._stages, self._log, self._smoothing, self._view):
            return
        self._curves, self._stages, self._log, self._smoothing, self._view = shown
        self.border_subtitle = self._view.cursor_text
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
        columns = self.columns
        curves = [
            Curve(curve.name, curve.xs, smoothed(curve.ys, self._smoothing))
            for curve in self._curves
        ]
        if (span := self._view.span) is not None:
            curves = [clipped(curve, *span) for curve in curves]
        plot = draw(curves, columns, rows, log=self._log, x_range=span)
        self._x_range = plot.x_range
        lines = self._chart_rows(plot, columns, base, axis)
        lines.append(Strip([Segment(self._x_axis(plot, columns), axis)]))
        return [line.adjust_cell_length(width, base) for line in [*lines, *legend]]

    def _chart_rows(self, plot: Plot, columns: int, base: Style, axis: Style) -> list[Strip]:
        starts = {self._column(plot, x, columns) for x, _ in self._stages[1:]}
        signs = {self._column(plot, m.x, columns): m.sign for m in self._view.marks}
        cursor = self._view.cursor
        at = None if cursor is None else self._column(plot, cursor, columns)
        styles = [self._colour(number, base) for number in range(COLOURS)]
        lines = []
        for row, cells in enumerate(plot.rows):
            segments = [Segment(f"{plot.ticks.get(row, ''):>{TICKS - 1}} ", axis)]
            segments.append(Segment("┤" if row in plot.ticks else "│", axis))
            letters, style = "", axis
            for column, cell in enumerate((*cells, (" ", None))):
                letter, number = plot.marks.get((row, column), cell)
                cell_style = axis if number is None else styles[number % COLOURS]
                if number is None:
                    letter = "┊" if column in starts else " "
                if column in signs and row == 0:
                    letter, cell_style = signs[column], base
                elif column == at:
                    letter = "│" if number is None else letter
                    cell_style = base if number is None else cell_style + REVERSED
                if cell_style is not style:  # one segment for a stretch of one colour
                    segments.append(Segment(letters, style))
                    letters, style = "", cell_style
                letters += letter
            lines.append(Strip([*segments, Segment(letters, style)]))
        return lines

    def _x_axis(self, plot: Plot, columns: int) -> str:
        left, right = plot.x_range
        letters = [" "] * columns
        last = f"{self._number(right)} {self._view.unit}".strip()
        begin = self._number(left)
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
        ticks = [self._column(plot, x, columns) for x in self._view.ticks if left < x < right]
        if len(ticks) * TICK_CELLS <= columns:
            for column in ticks:
                letters[column] = "╵" if letters[column] == " " else letters[column]
        return " " * (TICKS + 1) + "".join(letters)

    def _number(self, x: float) -> str:
        """A number below the x axis; seconds, which have no unit, as a duration."""
        return _count(x) if self._view.unit != TIME_UNIT else short_duration(max(0.0, x))

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
            text = f" {curve.name} {self._value(curve)}  "
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

    def _value(self, curve: Curve) -> str:
        """The value at the cursor, or the last one."""
        if self._view.cursor is None:
            return label(curve.ys[-1])
        value = value_at(curve, self._view.cursor)
        return "-" if value is None else label(value)

    def _x_at(self, column: int) -> float:
        """The place of a column, of the left or right end for one beyond them."""
        left, right = self._x_range
        share = min(1.0, max(0.0, column / max(1, self.columns - 1)))
        return left + share * (right - left)

    def _column_of(self, event: events.MouseEvent) -> int:
        return event.get_content_offset_capture(self).x - TICKS - 1

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A click or a stretch begins."""
        if self.has_data and event.button == 1:
            self._pressed = self._column_of(event)
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A click where it began, a stretch elsewhere."""
        self.release_mouse()
        if self._pressed is None:
            return
        begin, end = sorted((self._pressed, self._column_of(event)))
        self._pressed = None
        if end - begin >= LEAST_STRETCH:
            self.post_message(self.Stretched(self._x_at(begin), self._x_at(end)))
        else:
            self.post_message(self.Pointed(self._x_at(end)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Comes closer."""
        self._wheel(event, 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Goes away."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        if self.has_data:
            event.stop()
            self.post_message(self.Wheeled(self._x_at(self._column_of(event)), by))


def _more(line: list[Segment], text: str, width: int, base: Style) -> None:
    """Ends a full line of the legend with how many are left out."""
    kept = Strip(line).crop(0, max(0, width - len(text) - 1))
    line[:] = [*kept, Segment(" " + text, base)]


def _count(value: float) -> str:
    """A number of steps, or a share."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
