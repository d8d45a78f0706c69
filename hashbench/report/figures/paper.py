"""Figures on paper: PDF, SVG and PNG by matplotlib, in one style made for two-column papers.

Lines differ by colour, dashes and markers, bars by colour and hatches, so that they can be read in
grey. Fonts are embedded as TrueType (Type 42). Equal figures are equal files, byte by byte.
"""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hashbench.errors import InputError
from hashbench.report.figures.figure import Axis, Figure, Panel, Series
from hashbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

FORMATS = ("pdf", "svg", "png")
WIDTHS = {"column": 3.3, "page": 7.0}
"""Inches: a column of a two-column paper, and both."""
DPI = 300

# Okabe and Ito's colours, which people with any kind of colour vision tell apart; dark and light
# ones alternate, so that neighbours differ in grey, too
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#8C8C00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "oooo", "++++")
INK = "#010203"
"""Text and axes. No other thing has this colour, so that a page may give them its own."""

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 7, "axes.titlesize": 7.5, "axes.labelsize": 7,
    "legend.fontsize": 6.5, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4, "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlelocation": "left", "lines.linewidth": 1.1, "lines.markersize": 3.2,
    "hatch.linewidth": 0.4, "axes.grid": True, "axes.grid.axis": "y", "grid.color": "#B0B0B0",
    "grid.linewidth": 0.3, "grid.alpha": 0.6, "axes.axisbelow": True, "legend.frameon": False,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
    "pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "hashbench", "axes.unicode_minus": False,
    "figure.constrained_layout.w_pad": 0.03, "figure.constrained_layout.h_pad": 0.03,
    "text.parse_math": False, "text.usetex": False,
}  # fmt: skip


def installed() -> bool:
    """Whether matplotlib can be had; it is not imported."""
    return importlib.util.find_spec("matplotlib") is not None


def check_form(form: str) -> None:
    """Raises InputError where the ending of a file is none of FORMATS."""
    if form not in FORMATS:
        raise InputError(
            f".{form} is no form of figures" if form else "the name has no ending",
            where="--output",
            remedy=f"a name that ends in {', '.join('.' + one for one in FORMATS)}",
        )


def inches(width: str, panels: int) -> float:
    """The width that is meant by a word or a number; a column where nothing is said and no more
    than two panels stand below each other. Raises InputError.
    """
    if not width:
        return WIDTHS["column" if panels <= 2 else "page"]
    if width in WIDTHS:
        return WIDTHS[width]
    try:
        value = float(width)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 30:
        raise InputError(
            f"{width} is no width", where="--width", remedy="column, page, or inches from 1 to 30"
        )
    return value


def written(figure: Figure, form: str, width: float) -> bytes:
    """The file of a figure, `width` inches wide; fonts of SVG are drawn as outlines.

    Raises InputError where matplotlib is missing.
    """
    return _saved(figure, form, width, {"savefig.facecolor": "white"} if form == "png" else {})


def inline_svg(figure: Figure, width: float) -> str:
    """SVG for a page: text stays text, and takes the page's colour, so that it can be dark."""
    svg = _saved(figure, "svg", width, {"svg.fonttype": "none"}).decode()
    svg = svg[svg.index("<svg") :]
    return svg.replace(INK, "currentColor").replace("#000000", "currentColor")


def _saved(figure: Figure, form: str, width: float, style: dict[str, Any]) -> bytes:
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        raise InputError(
            "figures as files need matplotlib, which is not installed",
            remedy="pip install 'hashbench[plots]'; without it, `hashbench plot` draws in the "
            "terminal where --output is left out, and `hashbench report --no-figures` has tables",
        ) from None
    # whatever a person's matplotlibrc says, a figure is the same
    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE, **style, "backend": "agg"}):
        drawing = _drawn(figure, width)
        out = io.BytesIO()
        drawing.savefig(out, format=form, dpi=DPI, metadata=_metadata(figure, form))
    return out.getvalue()


def _metadata(figure: Figure, form: str) -> dict[str, Any]:
    """A title, and neither date nor version of what wrote it."""
    title = plain(figure.title)
    match form:
        case "pdf":
            return {"Title": title, "Creator": "hashbench", "Producer": None, "CreationDate": None}
        case "svg":
            return {"Title": title, "Creator": "hashbench", "Date": None}
        case _:
            return {"Title": title, "Software": None}


def _drawn(figure: Figure, width: float) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    across = _across(figure, width)
    down = math.ceil(len(figure.panels) / across)
    rows = [figure.panels[row * across : (row + 1) * across] for row in range(down)]
    heights = [max(_height(panel, width / across) for panel in row) for row in rows]
    styles = {name: place for place, name in enumerate(figure.names)}
    legend_rows = _legend_rows(list(styles), width)
    drawing = Drawing(
        figsize=(width, sum(heights) + 0.17 * legend_rows + 0.05), layout="constrained"
    )
    axes = drawing.subplots(down, across, squeeze=False, height_ratios=heights)
    handles: dict[str, Any] = {}
    for place, ax in enumerate(axes.flat):
        if place < len(figure.panels):
            handles = _draw_panel(ax, figure.panels[place], styles) | handles
        else:
            ax.set_axis_off()
    names = [name for name in styles if name in handles]
    points = figure.panels[0].form == "points"
    if legend_rows:
        drawing.legend(
            [handles[name] for name in names], [plain(name) for name in names],
            loc="outside lower left", ncols=_legend_columns(names, width),
            markerscale=1.6 if points else 1.0, handlelength=1.0 if points else 2.4,
            columnspacing=1.2, borderpad=0.1, labelspacing=0.3,
        )  # fmt: skip
    return drawing


def _across(figure: Figure, width: float) -> int:
    """Panels beside each other."""
    if any(panel.form == "heat" for panel in figure.panels):
        least = 1.05
    elif any(panel.form in ("bars", "dots") for panel in figure.panels):
        least = 3.0
    elif any(panel.form == "points" for panel in figure.panels):
        least = 1.6
    else:
        least = 2.2
    most = max(1, int(width / least))
    count = len(figure.panels)
    if any(panel.form == "heat" for panel in figure.panels):
        return max(2, most - most % 2)  # before and after stay beside each other
    # four panels stand better in two rows of two than as three and one
    return -(-count // -(-count // most))


def _height(panel: Panel, width: float) -> float:
    """Inches."""
    match panel.form:
        case "bars":
            bars = max(1, len(panel.y.ticks)) * (0.04 + 0.09 * max(1, len(panel.series)))
            return 0.55 + bars
        case "dots":
            return 0.6 + 0.22 * len(panel.y.ticks)
        case "points":
            return 0.25 + min(width, 2.4)
        case "heat":
            return _heat_height(panel, width)
        case _:
            return min(1.9, 0.3 + 0.62 * width)


def _heat_height(panel: Panel, width: float) -> float:
    heat = panel.heat
    if heat is None or not heat.rows:
        return 0.5
    if heat.columns:
        return 0.75
    return 0.2 + width * len(heat.rows) / len(heat.rows[0])


def _draw_panel(ax: Axes, panel: Panel, styles: dict[str, int]) -> dict[str, Any]:
    """Draws a panel; returns what stands for each series in the legend."""
    ax.set_title(plain(panel.title))
    match panel.form:
        case "lines":
            return _draw_lines(ax, panel, styles)
        case "points":
            return _draw_points(ax, panel, styles)
        case "bars" | "dots":
            return _draw_categories(ax, panel, styles)
        case "heat":
            _draw_heat(ax, panel)
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
        side.set_ticklabels([plain(text) for _, text in axis.ticks])
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
    _set_axis(ax, "x", panel.x)
    _set_axis(ax, "y", Axis("", ticks=panel.y.ticks))
    ax.set_ylim(len(panel.y.ticks) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    return handles


def _lighter(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = (0.45 * part + 0.55 for part in to_rgb(colour))
    return red, green, blue


def _draw_heat(ax: Axes, panel: Panel) -> None:
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
    if heat.columns:
        ax.set_xticks(range(wide), [plain(name) for name in heat.columns], rotation=60, ha="right")
        ax.tick_params(axis="x", length=0, pad=1)
    for side in ax.spines.values():
        side.set_visible(False)


def _legend_rows(names: Sequence[str], width: float) -> int:
    return 0 if len(names) < 2 else math.ceil(len(names) / _legend_columns(names, width))


def _legend_columns(names: Sequence[str], width: float) -> int:
    """As many as the longest name leaves room for: letters of 6.5 points are some 0.055 inches."""
    widest = 0.5 + 0.055 * max(map(len, names))
    return max(1, min(len(names), int(width / widest)))
