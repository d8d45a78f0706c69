"""Which columns of a table find room, whatever their widths and ranks."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hashbench.report.comparison import compare
from hashbench.report.rows import collect
from hashbench.runs import layout
from hashbench.tui.screens.columns import run_columns
from hashbench.tui.screens.compare_columns import columns_of
from hashbench.tui.widgets.row_columns import BY_RANK, Column, lay_out
from tests.tui import fixtures

Columns = list[Column[str]]


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    shapes = st.tuples(
        st.integers(1, 12), st.integers(0, 5), st.booleans(), st.sampled_from([0, 5, 10_000])
    )
    return [
        Column(str(number), "", width, str, rank, grow=grow, most=width + more)
        for number, (width, rank, grow, more) in enumerate(draw(st.lists(shapes, min_size=1)))
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
    if any(column.grow and width < column.most for column, width in shown):
        assert total == room
    assert all(width == column.width for column, width in shown if not column.grow)
    assert all(width <= column.most for column, width in shown)
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


def test_a_long_name_leaves_room_for_scores_at_80_columns(tmp_path: Path) -> None:
    long = ("no-a-long-ablation", "no-other-long-ablation")
    specs = [fixtures.spec(seed=seed, ablations=long, known_ratio=0.3) for seed in (0, 1)]
    for number, spec in enumerate([*specs, specs[0]]):
        fixtures.finished(tmp_path, spec, number)
    (table,) = compare(collect(layout.find(tmp_path)).finished, "mAP@all", read_codes=False)
    columns = columns_of(table)
    for first in range(sum(bool(column.rank) for column in columns)):
        assert any(column.rank for column, _ in lay_out(columns, 76, first))


def test_seeds_and_time_left_have_room_at_80_columns() -> None:
    shown = {column.key: width for column, width in lay_out(run_columns({}, ()), 76)}
    assert {"state", "method", "bits", "seed", "done", "left", "mAP"} <= shown.keys()
    assert shown["method"] >= len("pcril known 0.3 no-CSA")


def test_the_highest_rank_is_hidden_first_before_scrolling() -> None:
    columns = [Column(str(rank), "", 4, str, rank) for rank in (0, 3, 1, 2)]
    assert [column.rank for column, _ in lay_out(columns, 15)] == [0, 1, 2]
    assert [column.rank for column, _ in lay_out(columns, 15, 0)] == [0, 3, 1]
    assert [column.rank for column, _ in lay_out(columns, 10, 2)] == [0, 2]
