"""Figures on paper: PDF, SVG and PNG by matplotlib, in one style made for two-column papers.

Fonts are embedded as TrueType (Type 42). Equal figures are equal files, byte by byte.
"""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hashbench.errors import InputError
from hashbench.report.figures.figure import Figure
from hashbench.report.figures.paper_panels import INK, bar_count, draw_panel, height
from hashbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

FORMATS = ("pdf", "svg", "png")
WIDTHS = {"column": 3.3, "page": 7.0}
"""Inches: a column of a two-column paper, and both."""
COLUMN_BARS = 24  # of a panel of which two fit a column, one below the other
DPI = 300

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


def inches(width: str, figure: Figure) -> float:
    """The width that is meant by a word or a number; where nothing is said a column, but a page
    where more than two panels would stand below each other, or two with many bars. Raises
    InputError.
    """
    if not width:
        return WIDTHS["column" if _fits_column(figure) else "page"]
    return check_width(width)


def _fits_column(figure: Figure) -> bool:
    bars = max((bar_count(panel) for panel in figure.panels), default=0)
    return len(figure.panels) <= (2 if bars <= COLUMN_BARS else 1)


def check_width(width: str) -> float:
    """The inches of a word or a number. Raises InputError."""
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
    heights = [max(height(panel, width / across) for panel in row) for row in rows]
    styles = {name: place for place, name in enumerate(figure.names)}
    legend_rows = _legend_rows(list(styles), width)
    drawing = Drawing(
        figsize=(width, sum(heights) + 0.17 * legend_rows + 0.05), layout="constrained"
    )
    axes = drawing.subplots(down, across, squeeze=False, height_ratios=heights)
    handles: dict[str, Any] = {}
    for place, ax in enumerate(axes.flat):
        if place < len(figure.panels):
            handles = draw_panel(ax, figure.panels[place], styles, width / across) | handles
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


def _legend_rows(names: Sequence[str], width: float) -> int:
    return 0 if len(names) < 2 else math.ceil(len(names) / _legend_columns(names, width))


def _legend_columns(names: Sequence[str], width: float) -> int:
    """As many as the longest name leaves room for: letters of 6.5 points are some 0.055 inches."""
    widest = 0.5 + 0.055 * max(map(len, names))
    return max(1, min(len(names), int(width / widest)))
