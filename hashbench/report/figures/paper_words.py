"""A caption below a picture on paper, each word on a shade of what it weighs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashbench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

Words = Sequence[tuple[str, float]]

SIZE, LINE, SPACE = 5.5, 8.5, 3.0
"""Points: of the letters, from line to line, and between words."""
MOST_LINES = 8  # of a caption; the numbers of a figure have all of it
POINTS = 72  # of an inch
FONT = "DejaVu Sans"
LETTERS = "#101214"
"""Not the colour of other text: a page may make that light, and these shades stay light."""


def words_height(words: Words, width: float) -> float:
    """Inches that words take below a picture of `width` inches."""
    return (0.06 + LINE / POINTS * len(_lines(words, width))) if words else 0.0


def draw_words(ax: Axes, words: Words, most: float, width: float) -> None:
    """Writes words below axes of `width` inches; one that weighs `most` stands on the darkest
    shade.
    """
    from matplotlib import colormaps

    shades = colormaps["Oranges"]
    for number, line in enumerate(_lines(words, width)):
        for x, text, weight in line:
            share = weight / most if most > 0 else 0.0
            ax.annotate(
                text, (0, 0), xycoords="axes fraction", xytext=(x, -4 - LINE * number),
                textcoords="offset points", va="top", fontsize=SIZE, color=LETTERS,
                bbox={"boxstyle": "square,pad=0.12", "lw": 0, "fc": shades(0.7 * share)},
            )  # fmt: skip


def _lines(words: Words, width: float) -> list[list[tuple[float, str, float]]]:
    """(points from the left, word, weight) of each line that fits `width` inches."""
    from matplotlib.textpath import TextPath

    room = POINTS * (width - 0.2)
    lines: list[list[tuple[float, str, float]]] = [[]]
    x = 0.0
    for word, weight in words:
        text = plain(word)
        long = float(TextPath((0, 0), text, size=SIZE, prop=_font()).get_extents().x1)
        if lines[-1] and x + long > room:
            if len(lines) == MOST_LINES:
                lines[-1].append((x, "…", 0.0))
                break
            lines.append([])
            x = 0.0
        lines[-1].append((x, text, weight))
        x += long + SPACE
    return lines


def _font() -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=FONT)
