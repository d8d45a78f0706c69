"""The log's rows: whatever a line is, nothing of it is cut off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hashbench.tui.widgets.log_view import _rows_of

LINES = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=200)


@given(LINES, st.integers(10, 120))
def test_a_line_is_wrapped_whole(text: str, width: int) -> None:
    rows = _rows_of(text, width)
    assert rows
    assert "".join("".join(rows).split()) == "".join(text.split())
    assert all(cell_len(row) <= width for row in rows)


def test_what_goes_on_is_indented() -> None:
    assert _rows_of("15:10:32 test mAP: i2t 16 0.6788", 20) == (
        "15:10:32 test mAP:",
        "    i2t 16 0.6788",
    )
