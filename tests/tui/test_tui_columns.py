"""Which columns of a table find room, whatever their widths and ranks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashbench.tui.widgets.row_columns import BY_RANK, Column, lay_out

Columns = list[Column[str]]


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    shapes = st.tuples(st.integers(1, 12), st.integers(0, 5), st.booleans())
    return [
        Column(str(number), "", width, str, rank, grow=grow)
        for number, (width, rank, grow) in enumerate(draw(st.lists(shapes, min_size=1)))
    ]


def least_room(columns: Columns) -> int:
    """For the columns that always stay, and the widest of the others."""
    kept = sum(column.width + 1 for column in columns if not column.rank)
    return kept + max((column.width + 1 for column in columns if column.rank), default=0)


@given(tables(), st.integers(0, 80), st.integers(BY_RANK, 8))
def test_what_is_shown_fits_and_keeps_its_order(columns: Columns, spare: int, first: int) -> None:
    room = least_room(columns) + spare
    shown = lay_out(columns, room, first)
    total = sum(width + 1 for _, width in shown)
    assert total <= room
    if any(column.grow for column, _ in shown):
        assert total == room
    places = [columns.index(column) for column, _ in shown]
    assert places == sorted(places)
    assert all(width >= column.width for column, width in shown)
    assert {column.key for column in columns if not column.rank} <= {c.key for c, _ in shown}


@given(tables(), st.integers(0, 80))
def test_scrolling_reaches_every_column(columns: Columns, spare: int) -> None:
    room = least_room(columns) + spare
    steps = range(BY_RANK, max(1, sum(bool(column.rank) for column in columns)))
    reached = {column.key for first in steps for column, _ in lay_out(columns, room, first)}
    assert reached == {column.key for column in columns}


def test_the_highest_rank_is_hidden_first_before_scrolling() -> None:
    columns = [Column(str(rank), "", 4, str, rank) for rank in (0, 3, 1, 2)]
    assert [column.rank for column, _ in lay_out(columns, 15)] == [0, 1, 2]
    assert [column.rank for column, _ in lay_out(columns, 15, 0)] == [0, 3, 1]
    assert [column.rank for column, _ in lay_out(columns, 10, 2)] == [0, 2]
