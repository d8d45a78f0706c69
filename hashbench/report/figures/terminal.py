"""Figures in a terminal: lines and points of braille dots, bars of blocks. Needs no colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from hashbench.report.braille import MARKS, Plot, draw, label
from hashbench.report.figures.figure import Axis, Figure, Heat, Panel, Series
from hashbench.report.run_series import Curve
from hashbench.report.text import plain

HEIGHT = 12  # rows of a chart
LEFT = 8  # cells of its scale
COLOURS = ("blue", "yellow", "green", "magenta", "red", "cyan", "bright_black", "white")
SHADES = " ░▒▓█"


def rendered(figure: Figure, width: int) -> RenderableType:
    """All panels below each other, then legend and notes."""
    letters = {name: place for place, name in enumerate(figure.names)}
    parts: list[RenderableType] = [Text(plain(figure.title), style="bold")]
    for panel in figure.panels:
        parts += [Text(plain(panel.title), style="bold"), *_panel(panel, letters, width), Text()]
    if len(letters) > 1 or figure.panels[0].form == "points":
        parts.append(_legend(letters))
    parts += [Text(plain(note), style="dim") for note in figure.notes]
    return Group(*parts)


def _panel(panel: Panel, letters: dict[str, int], width: int) -> Iterator[Text]:
    match panel.form:
        case "lines":
            yield from _lines(panel, letters, width)
        case "points":
            yield from _points(panel, letters, width)
        case "bars" | "dots":
            yield from _categories(panel, letters, width)
        case "heat":
            yield from _heat(panel, width)


def _style(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _letter(number: int) -> str:
    return MARKS[number % len(MARKS)]


def _lines(panel: Panel, letters: dict[str, int], width: int) -> Iterator[Text]:
    columns = max(10, width - LEFT - 3)
    # a curve has its place of the whole figure, so that a letter means the same in every panel
    curves = [Curve(name, (), ()) for name in letters]
    for one in panel.series:
        curves[letters[one.name]] = _rising(one, panel.x)
    plot = draw(curves, columns, HEIGHT, log=panel.y.base > 0, y_range=_range(panel, curves))
    yield Text(f"{'':{LEFT}}{plain(panel.y.label)}", style="dim")
    for row, cells in enumerate(plot.rows):
        line = Text(f"{plot.ticks.get(row, ''):>{LEFT - 1}} ", style="dim")
        line.append("┤" if row in plot.ticks else "│", style="dim")
        for column, cell in enumerate((*cells, (" ", None))):
            letter, number = plot.marks.get((row, column), cell)
            line.append(letter, style="" if number is None else _style(number))
        yield line
    yield from _x_axis(panel.x, plot, columns)


def _rising(one: Series, axis: Axis) -> Curve:
    """The points by rising x, on the scale of the axis, with their intervals."""
    from math import log

    low, high = one.low or one.ys, one.high or one.ys
    points = sorted(zip(one.xs, one.ys, low, high, strict=True))
    xs = (log(x, axis.base) if axis.base else x for x, _, _, _ in points)
    spans = tuple((below, above) for _, _, below, above in points)
    # whiskers beside whiskers would be an area that hides the line
    few = bool(one.low) and len(points) <= 12
    return Curve(one.name, tuple(xs), tuple(y for _, y, _, _ in points), spans if few else ())


def _range(panel: Panel, curves: Sequence[Curve]) -> tuple[float, float] | None:
    if panel.y.bounds is not None:
        return panel.y.bounds
    spans = [span for curve in curves for span in curve.spans]
    ends = [end for span in spans for end in (span[1:] if panel.y.base else span)]
    values = [*ends, *(y for curve in curves for y in curve.ys)]
    return (min(values), max(values)) if values else None


def _x_axis(axis: Axis, plot: Plot, columns: int) -> Iterator[Text]:
    from math import log

    yield Text(" " * LEFT + "└" + "─" * columns, style="dim")
    left, right = plot.x_range
    ticks = [(log(x, axis.base) if axis.base else x, text) for x, text in axis.ticks]
    ticks = [(x, text) for x, text in ticks if left <= x <= right]
    if not ticks:
        middle = (left + right) / 2
        ticks = [(x, label(x, right - left)) for x in dict.fromkeys((left, middle, right))]
    line = [" "] * (columns + 8)
    for x, text in ticks:
        share = (x - left) / (right - left) if right > left else 0.0
        start = min(max(0, round(share * (columns - 1)) - len(text) // 2), columns - len(text))
        if start >= 0 and not "".join(line[max(0, start - 1) : start + len(text) + 1]).strip():
            line[start : start + len(text)] = plain(text)
    yield Text(" " * (LEFT + 1) + "".join(line).rstrip(), style="dim")
    yield Text(" " * (LEFT + 1) + plain(axis.label).rjust(columns), style="dim")


def _points(panel: Panel, letters: dict[str, int], width: int) -> Iterator[Text]:
    """A letter for each point; where several fall into a cell, the one that most of them have."""
    columns, rows = max(10, min(width - 2, 96)), 24
    xs = [x for one in panel.series for x in one.xs]
    ys = [y for one in panel.series for y in one.ys]
    counts: dict[tuple[int, int], dict[int, int]] = {}
    for one in panel.series:
        for x, y in zip(one.xs, one.ys, strict=True):
            cell = (
                _cell(max(ys) - y, max(ys) - min(ys), rows),
                _cell(x - min(xs), max(xs) - min(xs), columns),
            )
            here = counts.setdefault(cell, {})
            here[letters[one.name]] = here.get(letters[one.name], 0) + 1
    for row in range(rows):
        line = Text("  ")
        for column in range(columns):
            here = counts.get((row, column), {})
            if here:
                number = max(here, key=lambda number: (here[number], -number))
                line.append(_letter(number), style=_style(number))
            else:
                line.append(" ")
        line.rstrip()
        yield line


def _cell(distance: float, spread: float, cells: int) -> int:
    return min(cells - 1, int(distance / spread * cells)) if spread > 0 else 0


def _categories(panel: Panel, letters: dict[str, int], width: int) -> Iterator[Text]:
    """`name a ████ 0.81 [0.79, 0.83]`, a line for each bar."""
    widest = min(28, max(cell_len(plain(text)) for _, text in panel.y.ticks))
    values = [end for one in panel.series for end in (*one.ys, *one.high)]
    most = max(values, default=1.0) or 1.0
    room = max(10, width - widest - 28)
    for place, text in panel.y.ticks:
        name = plain(text)
        for one in panel.series:
            if place not in one.xs:
                continue
            at = one.xs.index(place)
            number = letters[one.name]
            line = Text(set_cell_size(name, widest) + f" {_letter(number)} ")
            line.append(_bar(panel, one.ys[at], most, room).ljust(room), style=_style(number))
            line.append(f" {one.ys[at]:.3g}".ljust(7))
            if one.low:
                line.append(f"[{one.low[at]:.3g}, {one.high[at]:.3g}]", style="dim")
            yield line
            name = ""
    yield Text(f"{'':{widest + 3}}{plain(panel.x.label)}", style="dim")


def _bar(panel: Panel, value: float, most: float, room: int) -> str:
    """A bar of eighths of a cell, or a dot at the value."""
    share = min(1.0, max(0.0, value / most))
    if panel.form == "dots":
        return " " * round(share * (room - 1)) + "●"
    eighths = round(share * room * 8)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def _heat(panel: Panel, width: int) -> Iterator[Text]:
    heat = panel.heat
    if heat is None:
        return
    for column, name in enumerate(heat.columns):
        for row in heat.rows:
            share = row[column] / heat.most if heat.most else 0.0
            bar = "█" * round(share * max(10, width - 40))
            yield Text(f"  {set_cell_size(plain(name), 24)} {row[column]:6.3f} {bar}")
    if not heat.columns:
        for row in heat.rows:
            shades = (_shade(value / heat.most if heat.most else 0.0) for value in row)
            yield Text("  " + "".join(2 * shade for shade in shades))
    if heat.words:
        yield _shaded_words(heat)


def _shaded_words(heat: Heat) -> Text:
    """The caption, behind each word its shade twice, as that of a patch; folded by the console."""
    line = Text("  ")
    for word, value in heat.words:
        shade = _shade(value / heat.most_word if heat.most_word else 0.0)
        line.append(f"{plain(word)} {2 * shade}  ")
    line.rstrip()
    return line


def _shade(share: float) -> str:
    return SHADES[min(len(SHADES) - 1, int(share * len(SHADES)))]


def _legend(letters: dict[str, int]) -> Text:
    line = Text()
    for name, number in letters.items():
        line.append(_letter(number), style=_style(number))
        line.append(f" {plain(name)}   ")
    return line
