"""One panel of a figure on paper: lines, points, bars, dots, or a grid of shades.

Lines differ by colour, dashes and markers, bars by colour and hatches, so that they can be read in
grey.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

from hashbench.report.figures.figure import Axis, Panel, Series
from hashbench.report.figures.paper_words import draw_words, words_height
from hashbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which people with any kind of colour vision tell apart; dark and light
# ones alternate, so that neighbours differ in grey, too
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#8C8C00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "oooo", "++++")
LETTERS = 26
"""Of a line of a category's name."""
INK = "#010203"
"""Text and axes. No other thing has this colour, so that a page may give them its own."""


def height(panel: Panel, width: float) -> float:
    """Inches of a panel that is `width` inches wide, with its title and what its axes say."""
    match panel.form:
        case "bars":
            bars = max(1, len(panel.y.ticks)) * (0.04 + 0.09 * max(1, len(panel.series)))
            return 0.55 + bars
        case "dots":
            rows = max((_category(text).count("\n") + 1 for _, text in panel.y.ticks), default=1)
            return 0.6 + max(0.22, 0.12 * rows) * len(panel.y.ticks)
        case "points":
            return 0.25 + min(width, 2.4)
        case "heat":
            return _heat_height(panel, width)
        case _:
            return min(1.9, 0.3 + 0.62 * width)


def bar_count(panel: Panel) -> int:
    """Bars of a panel, 0 for other forms."""
    return len(panel.y.ticks) * len(panel.series) if panel.form == "bars" else 0


def _heat_height(panel: Panel, width: float) -> float:
    heat = panel.heat
    if heat is None or not heat.rows:
        return 0.5
    if heat.columns:
        return 0.75
    shape = len(heat.rows) / len(heat.rows[0])
    return 0.2 + (width - 0.15) * shape + words_height(heat.words, width)


def draw_panel(ax: Axes, panel: Panel, styles: dict[str, int], width: float) -> dict[str, Any]:
    """Draws a panel, `width` inches wide; returns what stands for each series in the legend.

    `styles` are the places of the series' names in the whole figure, which decide how they look.
    """
    ax.set_title(plain(panel.title))
    match panel.form:
        case "lines":
            return _draw_lines(ax, panel, styles)
        case "points":
            return _draw_points(ax, panel, styles)
        case "bars" | "dots":
            return _draw_categories(ax, panel, styles)
        case "heat":
            _draw_heat(ax, panel, width)
    return {}


def _draw_lines(ax: Axes, panel: Panel, styles: dict[str, int]) -> dict[str, Any]:
    handles: dict[str, Any] = {}
    for one in panel.series:
        look = styles[one.name]
        colour, marker = COLOURS[look % len(COLOURS)], MARKERS[look % len(MARKERS)]
        dash = DASHES[look % len(DASHES)]
        few = len(one.xs) <= 12
        every = 1 if few else max(1, len(one.xs) // 8)
        if one.low and few:  # whiskers can be told apart where there are few
            errors = _lengths(one)
            handles[one.name] = ax.errorbar(
                one.xs, one.ys, yerr=errors, color=colour, marker=marker, linestyle=dash,
                capsize=1.6, capthick=0.6, elinewidth=0.6,
            )  # fmt: skip
            continue
        (handles[one.name],) = ax.plot(
            one.xs, one.ys, color=colour, marker=marker, linestyle=dash, markevery=every
        )
        if one.low:
            ax.fill_between(one.xs, one.low, one.high, color=colour, alpha=0.15, linewidth=0)
    for x, text in panel.marks:
        ax.axvline(x, color=INK, linewidth=0.5, linestyle=":")
        ax.annotate(
            plain(text), (x, 1), xycoords=("data", "axes fraction"), xytext=(2, -1),
            textcoords="offset points", va="top", fontsize=6,
        )  # fmt: skip
    _set_axis(ax, "x", panel.x)
    _set_axis(ax, "y", panel.y)
    return handles


def _lengths(one: Series) -> list[list[float]]:
    """How far whiskers reach below and above; rounding must not make them negative."""
    return [
        [max(0.0, y - low) for y, low in zip(one.ys, one.low, strict=True)],
        [max(0.0, high - y) for y, high in zip(one.ys, one.high, strict=True)],
    ]


def _set_axis(ax: Axes, name: str, axis: Axis) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator

    side = ax.xaxis if name == "x" else ax.yaxis
    side.set_label_text(plain(axis.label))
    if axis.base:
        (ax.set_xscale if name == "x" else ax.set_yscale)("log", base=axis.base)
        side.set_minor_formatter(NullFormatter())
    if axis.ticks:
        side.set_major_locator(FixedLocator([place for place, _ in axis.ticks]))
        texts = ("\n".join(map(plain, text.split("\n"))) for _, text in axis.ticks)
        side.set_ticklabels(list(texts))
        side.set_minor_locator(NullLocator())
    elif axis.whole:
        side.set_major_locator(MaxNLocator(7, integer=True))
    if axis.bounds is not None:
        low, high = axis.bounds
        margin = 0.02 * (high - low)
        (ax.set_xlim if name == "x" else ax.set_ylim)(low - margin, high + margin)


def _draw_points(ax: Axes, panel: Panel, styles: dict[str, int]) -> dict[str, Any]:
    handles: dict[str, Any] = {}
    for one in panel.series:
        look = styles[one.name]
        handles[one.name] = ax.scatter(
            one.xs, one.ys, s=6, marker=MARKERS[look % len(MARKERS)], linewidths=0.3,
            color=COLOURS[look % len(COLOURS)], edgecolors="white", alpha=0.9,
        )  # fmt: skip
    ax.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    for side in ax.spines.values():  # places of t-SNE have no units: a frame, no axes
        side.set_visible(True)
        side.set_linewidth(0.3)
    return handles


def _draw_categories(ax: Axes, panel: Panel, styles: dict[str, int]) -> dict[str, Any]:
    """Bars or dots along x, a category a line, the first on top."""
    handles: dict[str, Any] = {}
    count = len(panel.series)
    thick = 0.8 / max(1, count)
    for number, one in enumerate(panel.series):
        look = styles[one.name]
        colour = COLOURS[look % len(COLOURS)]
        lines = [x + (number - (count - 1) / 2) * thick for x in one.xs]
        errors = _lengths(one) if one.low else None
        if panel.form == "bars":
            # a light fill, so that hatches and whiskers are seen on it
            handles[one.name] = ax.barh(
                lines, one.ys, thick * 0.92, color=_lighter(colour), edgecolor=colour,
                linewidth=0.5, hatch=HATCHES[look % len(HATCHES)],
                xerr=errors, error_kw={"elinewidth": 0.6, "ecolor": INK, "capsize": 0},
            )  # fmt: skip
        else:
            handles[one.name] = ax.errorbar(
                one.ys, lines, xerr=errors, color=colour, marker=MARKERS[look % len(MARKERS)],
                linestyle="none", capsize=1.6, capthick=0.6, elinewidth=0.7,
            )  # fmt: skip
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    ax.locator_params(axis="x", nbins=5)  # names leave little room for numbers
    _set_axis(ax, "x", panel.x)
    _set_axis(ax, "y", Axis("", ticks=tuple((at, _category(t)) for at, t in panel.y.ticks)))
    ax.set_ylim(len(panel.y.ticks) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    return handles


def _category(text: str) -> str:
    """The name of a category in lines that leave room for what it has."""
    return textwrap.fill(plain(text), LETTERS) or text


def _lighter(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = (0.45 * part + 0.55 for part in to_rgb(colour))
    return red, green, blue


def _draw_heat(ax: Axes, panel: Panel, width: float) -> None:
    heat = panel.heat
    if heat is None:
        return
    ax.grid(visible=False)
    tall, wide = len(heat.rows), len(heat.rows[0])
    extent = (-0.5, wide - 0.5, tall - 0.5, -0.5)
    if heat.picture:
        from PIL import Image

        ax.imshow(Image.open(io.BytesIO(heat.picture)).convert("L"), cmap="gray", extent=extent)
    ax.imshow(
        heat.rows, cmap="inferno" if heat.picture else "Greys", vmin=0, vmax=heat.most,
        alpha=0.6 if heat.picture else 1.0, extent=extent,
        interpolation="bilinear" if heat.picture else "nearest",
        aspect="equal" if heat.picture else "auto",
    )  # fmt: skip
    ax.set(xticks=[], yticks=[])
    ax.set_anchor("S")  # words hang on its lower edge, below which room is made for them
    if heat.columns:
        ax.set_xticks(range(wide), [plain(name) for name in heat.columns], rotation=60, ha="right")
        ax.tick_params(axis="x", length=0, pad=1)
    for side in ax.spines.values():
        side.set_visible(False)
    draw_words(ax, heat.words, heat.most_word, width)
