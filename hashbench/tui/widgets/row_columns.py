"""The columns of a table of rows, and which of them find room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")

CellText = str | tuple[str, str]
"""A cell: its text, or its text and the name of a style in RowTable.STYLES."""


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column. `rank` 0 always stays; the highest ranks are hidden first where room is short.

    `width` is the least it takes; what is left over goes to the columns that `grow`, evenly, but to
    none beyond its `most`.
    """

    key: str
    title: str
    width: int
    text: Callable[[R], CellText]
    rank: int = 0
    right: bool = False
    grow: bool = False
    most: int = 10_000


BY_RANK = -1


def lay_out(
    columns: Sequence[Column[R]], room: int, first: int = BY_RANK
) -> list[tuple[Column[R], int]]:
    """The columns that find `room`, one cell between them, and the width that each gets.

    Those of the lowest ranks, since these matter most; or, where a person scrolls, as many as fit
    from the `first` of those with a rank on, so that scrolling reaches every column.
    """
    scrolled = [column for column in columns if column.rank][: max(0, first)]
    shown = [column for column in columns if column not in scrolled]
    while len(shown) > 1 and sum(column.width + 1 for column in shown) > room:
        if first == BY_RANK:
            hidden = max(reversed(shown), key=lambda column: column.rank)
        else:
            hidden = next((column for column in reversed(shown) if column.rank), shown[-1])
        shown.remove(hidden)
    return list(zip(shown, _widths(shown, room), strict=True))


def _widths(shown: Sequence[Column[R]], room: int) -> list[int]:
    """The least width of each column, and of those that grow their share of what is left over."""
    widths = [column.width for column in shown]
    left = room - sum(widths) - len(widths)
    growing = [place for place, column in enumerate(shown) if column.grow]
    while left > 0 and growing:
        share = max(1, left // len(growing))
        for place in list(growing):
            extra = min(share, left, shown[place].most - widths[place])
            widths[place] += extra
            left -= extra
            if extra < share:  # it has all that it can use, or there is no more
                growing.remove(place)
    return widths
