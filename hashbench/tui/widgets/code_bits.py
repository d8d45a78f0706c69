"""Two codes, one above the other, with a sign between the bits that differ."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

GROUP = 8  # bits that stand together
LABEL = 7  # letters before each line
DIFFERS = "^"


class CodeBits(ScrollView, can_focus=False):
    """Shows the code of a query and that of a result, as many groups of bits a line as fit."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._query = self._result = ""
        self._text = ""

    def show(self, query: str, result: str, text: str = "") -> None:
        """Two codes of one length as zeros and ones, or `text` where there are none."""
        self._query, self._result, self._text = query, result, text
        differing = sum(a != b for a, b in zip(query, result, strict=True))
        self.border_title = (
            f"{differing} of {len(query)} bits differ: {DIFFERS}" if query else "bits"
        )
        self._fit()

    def on_resize(self) -> None:
        """Other groups find room."""
        self._fit()

    def _fit(self) -> None:
        bits = self._bits_a_line
        chunks = -(-len(self._query) // bits)
        self.virtual_size = Size(self.size.width, max(1, 4 * chunks - 1))
        self.refresh()

    @property
    def _bits_a_line(self) -> int:
        groups = max(1, (self.size.width - LABEL + 1) // (GROUP + 1))
        return GROUP * (1 << groups.bit_length() - 1)  # so that lines are halves of a code

    def render_line(self, y: int) -> Strip:
        """Of each stretch of bits: the query's, signs, the result's, an empty line."""
        base, width = self.rich_style, self.size.width
        chunk, line = divmod(y + int(self.scroll_offset.y), 4)
        start = chunk * self._bits_a_line
        query = self._query[start : start + self._bits_a_line]
        result = self._result[start : start + self._bits_a_line]
        if not query or line == 3:
            text = self._text if not self._query and y == 0 else ""
            return Strip([Segment(text, base)]).adjust_cell_length(width, base)
        differs = [a != b for a, b in zip(query, result, strict=True)]
        bits = (query, "".join(DIFFERS if one else " " for one in differs), result)[line]
        strong = base + Style(bold=True, reverse=line != 1)
        segments = [Segment(("query", "", "result")[line].ljust(LABEL), base)]
        for place, (bit, one) in enumerate(zip(bits, differs, strict=True)):
            if place and place % GROUP == 0:
                segments.append(Segment(" ", base))
            segments.append(Segment(bit, strong if one else base))
        return Strip(segments).adjust_cell_length(width, base)
