"""A picture drawn with half blocks: two pixels a cell."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget


@dataclass(frozen=True)
class Pixels:
    """RGB bytes, row after row from the top, three a pixel."""

    width: int
    height: int
    data: bytes

    def at(self, x: int, y: int) -> tuple[int, int, int]:
        """Red, green and blue of one pixel."""
        start = 3 * (y * self.width + x)
        red, green, blue = self.data[start : start + 3]
        return red, green, blue


class Picture(Widget):
    """Shows pixels, or a text that says why there are none."""

    class Resized(Message):
        """There is room for another size of picture."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = title
        self._pixels: Pixels | None = None
        self._text = ""

    def on_resize(self) -> None:
        """What is shown was made for another size."""
        self.post_message(self.Resized())

    @property
    def pixels_wanted(self) -> tuple[int, int]:
        """Width and height of the largest picture that can be shown."""
        return self.content_size.width, 2 * self.content_size.height

    def show(self, pixels: Pixels | None, text: str = "") -> None:
        """Another picture, or `text` where there is none."""
        self._pixels, self._text = pixels, text
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line: the rows 2y and 2y + 1 of the picture."""
        base, width = self.rich_style, self.size.width
        pixels = self._pixels
        if pixels is None:
            lines = textwrap.wrap(self._text, width)
            place = y - max(0, self.size.height - len(lines)) // 2
            text = lines[place] if 0 <= place < len(lines) else ""
            return Strip([Segment(text.center(width), base)]).adjust_cell_length(width, base)
        left = max(0, (width - pixels.width) // 2)
        segments = [Segment(" " * left, base)]
        if 2 * y < pixels.height:
            for x in range(min(pixels.width, width)):
                upper = Color.from_rgb(*pixels.at(x, 2 * y))
                below = 2 * y + 1 < pixels.height
                lower = Color.from_rgb(*pixels.at(x, 2 * y + 1)) if below else base.bgcolor
                segments.append(Segment("▀", Style(color=upper, bgcolor=lower)))
        return Strip(segments).adjust_cell_length(width, base)
