"""One grid, several forms: everything is there, nothing is cut, nothing breaks the form."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hashbench.report import tables
from hashbench.report.tables import Cell, Grid

NASTY = "a|b_c & 50% {x} \\ #1 $2 ~^<\x1b[2J"


def shown(grid: Grid, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), no_color=True)
    console.print(tables.for_terminal([grid]))
    return console.file.getvalue()  # type: ignore[attr-defined]


@given(
    columns=st.integers(1, 14),
    rows=st.integers(1, 5),
    width=st.integers(50, 140),
    deviations=st.booleans(),
    name=st.sampled_from(["lsh", "soda epochs=2"]),
)
def test_every_number_is_whole_within_any_width(
    columns: int, rows: int, width: int, deviations: bool, name: str
) -> None:
    numbers = [[f"{row}.{column:04d}" for column in range(columns)] for row in range(rows)]
    rest = " ±0.0123 ‡" if deviations else ""
    headers = ("method", "seeds", *(f"{column} i2t" for column in range(columns)))
    cells = tuple(
        (Cell(name), Cell("3"), *(Cell(number + rest, best=number[0] == "0") for number in line))
        for line in numbers
    )
    text = shown(Grid(headers, cells, words=2), width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for line in numbers:
        for number in line:
            assert (number + "*" if number[0] == "0" else number) in words
    assert text.count("±0.0123") == (rows * columns if deviations else 0)
    bands = [line for line in text.splitlines() if line.strip().startswith("method")]
    assert sum(line.count(" i2t") for line in bands) == columns


def test_bands_are_of_about_equal_size() -> None:
    headers = ("method", *(f"{bits} {name}" for bits in (16, 32, 64, 128) for name in "it"))
    grid = Grid.of(headers, [["lsh", *["0.1234 ±0.0012"] * 8]], words=1)
    heads = [line for line in shown(grid, 60).splitlines() if "method" in line]
    assert len(heads) == 2
    assert "64 i" not in heads[0]


def test_markdown_keeps_its_columns_whatever_stands_in_them() -> None:
    grid = Grid(("method", "16 i2t"), ((Cell(NASTY), Cell("0.5", best=True)),), 1, "T", ("note",))
    text = tables.for_markdown([grid], ["closing"])
    (line,) = [line for line in text.splitlines() if "50%" in line]
    assert line.replace("\\|", "").count("|") == 3
    assert "**0.5**" in line
    assert "\x1b" not in text
    assert text.splitlines()[0] == "**T**"
    assert text.splitlines()[-3:] == ["- note", "", "- closing"]


def test_latex_escapes_everything_but_its_own_marks() -> None:
    grid = Grid(
        ("method", "16 i2t"), ((Cell(NASTY), Cell("0.5 ±0.1 †", best=True)),), 1, "T_1", ("p < 1",)
    )
    text = tables.for_latex([grid], ["apart"])
    assert r"\textbf{0.5 $\pm$0.1 $^{\dagger}$}" in text
    assert r"\caption{T\_1. p $<$ 1.}" in text
    for escaped in (r"b\_c", r"\&", r"50\%", r"\{x\}", r"\#1", r"\$2", r"\textbackslash{}"):
        assert escaped in text
    assert text.endswith("% apart\n")
    assert tables.BOLD not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("value", [1 / 3, None, "a,b\nc"])
def test_csv_reads_back(value: object) -> None:
    text = tables.for_csv([{"a": value, "b": 1}], ("a", "b"))
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["a"] == ("" if value is None else str(value))


def test_html_escapes_what_others_wrote_and_marks_the_best() -> None:
    grid = Grid(
        ("<i>method</i>", "score"),
        ((Cell("<script>"), Cell("0.5", best=True)), (Cell("b"), Cell("0.4"))),
        1, "a & b", ("<note>",),
    )  # fmt: skip
    html = tables.for_html([grid], ["<closing>"])
    assert "<script>" not in html
    assert "<i>" not in html
    assert "<b>0.5</b>" in html
    for text in ("&lt;script&gt;", "a &amp; b", "<li>&lt;note&gt;</li>", "&lt;closing&gt;"):
        assert text in html
