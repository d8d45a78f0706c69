"""Lists of numbers in text files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashbench.datasets.text_files import read_numbers
from hashbench.errors import DamagedFileError


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.one_of(
        st.lists(st.tuples(st.integers(0, 9), st.sampled_from([" ", "\n", "\r\n", "\t \n"]))),
        st.lists(st.tuples(st.integers(0, 10**17), st.sampled_from([" ", "\n"]))),
    )
)
def test_numbers_of_any_length_between_blanks(tmp_path: Path, rows: list[tuple[int, str]]) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{number}{blank}" for number, blank in rows))
    numbers = [number for number, _ in rows]
    assert read_numbers(path, "", high=10**18).tolist() == numbers
    if numbers and max(numbers) > 0:
        with pytest.raises(DamagedFileError, match=f"holds {max(numbers)}, more than"):
            read_numbers(path, "", high=max(numbers) - 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("1\n0\n-1\n", "line 3 is '-1'"),
        ("1\n0.5\n", "line 2 is '0.5'"),
        ("9" * 19, "more than 18 digits"),
        ("1\0", "not a text file"),
    ],
)
def test_what_is_no_whole_number(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text(content)
    with pytest.raises(DamagedFileError, match=problem):
        read_numbers(path, "", high=10**18)
