"""Figures as files: the same bytes, fonts inside, sizes as asked; needs the extra `plots`."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import pytest
from PIL import Image
from rich.console import Console

from hashbench.errors import InputError
from hashbench.report.figures.figure import Axis, Figure, Heat, Panel, Series, records
from hashbench.report.figures.paper import INK, check_form, inches, inline_svg, written
from hashbench.report.figures.terminal import rendered

pytest.importorskip("matplotlib", reason="needs pip install 'hashbench[plots]'")

HOSTILE = "a$_b$ <script>&\x1b"


def sample() -> Figure:
    """A panel of every form."""
    lines = Series(HOSTILE, (16.0, 32.0), (0.5, 0.6), (0.4, 0.6), (0.6, 0.6), 3)
    other = Series("soda", (16.0, 32.0), (0.7, 0.8))
    many = tuple(map(float, range(40)))
    band = Series("soda", many, many, many, tuple(x + 1 for x in many), 3)
    ticks = ((16.0, "16"), (32.0, "32"))
    names = ((0.0, "sky"), (1.0, HOSTILE))
    bars = Series("soda", (0.0, 1.0), (0.5, 0.2), (0.4, 0.1), (0.6, 0.4))
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "png")
    grid = ((0.1, 0.9), (0.3, 0.2))
    words = (("sky", 0.1), (HOSTILE, 0.3), *(("sea", 0.2),) * 9)
    attention = Heat(grid, 1.0, (), picture.getvalue(), words, 0.3)
    return Figure("sample", HOSTILE, (
        Panel(HOSTILE, Axis("bits", base=2, ticks=ticks), Axis("mAP"), (lines, other)),
        Panel("many", Axis("epoch", whole=True), Axis("y"), (band,), marks=((3.0, "student"),)),
        Panel("points", Axis(""), Axis(""), (lines, other), "points"),
        Panel("bars", Axis("AP"), Axis("class", ticks=names), (bars,), "bars"),
        Panel("dots", Axis("rank"), Axis("method", ticks=names), (bars,), "dots"),
        Panel("map", Axis(""), Axis(""), form="heat", heat=attention),
        Panel("words", Axis(""), Axis(""), form="heat", heat=Heat(((0.2, 0.8),), 1.0, ("a", "b"))),
    ))  # fmt: skip


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_equal_figures_are_equal_files(form: str) -> None:
    once = written(sample(), form, 3.3)
    assert once == written(sample(), form, 3.3)
    assert once[:4] == {"pdf": b"%PDF", "svg": b"<?xm", "png": b"\x89PNG"}[form]
    assert not re.search(rb"CreationDate|<dc:date>|20\d\d-\d\d-\d\d", once)


def test_fonts_are_embedded_as_truetype() -> None:
    content = written(sample(), "pdf", 3.3)
    assert b"/FontFile2" in content
    assert b"/Subtype /Type3" not in content
    assert b"/CIDFontType2" in content or b"/Subtype /TrueType" in content


@pytest.mark.parametrize(("asked", "pixels"), [("column", 990), ("page", 2100), ("5", 1500)])
def test_files_are_as_wide_as_asked(asked: str, pixels: int) -> None:
    content = written(sample(), "png", inches(asked, sample()))
    assert Image.open(io.BytesIO(content)).width == pixels


def test_widths_and_endings_are_checked() -> None:
    lines, bars = (next(p for p in sample().panels if p.form == form) for form in ("lines", "bars"))
    classes = tuple((float(place), str(place)) for place in range(30))
    many = Panel("", Axis(""), Axis("", ticks=classes), bars.series, "bars")
    for panels, wide in (((lines,) * 2, 3.3), ((lines,) * 4, 7.0), ((bars,) * 2, 3.3),
                         ((many,), 3.3), ((many,) * 2, 7.0)):  # fmt: skip
        assert inches("", Figure("sample", "", panels)) == wide
    for wrong in ("wide", "0", "99"):
        with pytest.raises(InputError, match="--width"):
            inches(wrong, sample())
    for ending in ("", "jpg"):
        with pytest.raises(InputError, match=r"\.pdf, \.svg, \.png"):
            check_form(ending)


def test_lines_differ_in_grey_and_bars_by_hatches() -> None:
    """Two lines on paper without colour: other dashes, other markers."""
    root = ET.fromstring(written(sample(), "svg", 7.0))  # noqa: S314 - our own file
    dashes = {
        found[1]
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        if (found := re.search(r"stroke-dasharray: ([\d., ]+)", path.get("style", "")))
    }
    assert len(dashes) >= 2


def test_words_stand_in_lines_below_their_picture_and_the_heavier_are_darker() -> None:
    words = tuple((f"word{number}", number / 19) for number in range(20))
    heat = Heat(((0.1, 0.9), (0.3, 0.2)), 1.0, words=words, most_word=1.0)
    panels = (Panel("before", Axis(""), Axis(""), form="heat", heat=heat),) * 2
    svg = inline_svg(Figure("attention", "attention maps", panels), 3.3)
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    places = {}
    for text in root.iter(f"{space}text"):
        if (text.text or "").startswith("word"):
            x, y = map(float, re.findall(r"([\d.]+) ([\d.]+)\)", text.attrib["transform"])[-1])
            places.setdefault(text.text, []).append((x, y))
    assert places.keys() == {word for word, _ in words}
    assert all(0 <= x <= width and 0 <= y <= height for both in places.values() for x, y in both)
    assert len({y for both in places.values() for _, y in both}) > 1  # more than a line holds
    shades = re.findall(r"fill: #([0-9a-f]{6})", svg)
    light = [sum(bytes.fromhex(one)) for one in shades if one[:2] > "d0"]
    assert light[:20] == sorted(light[:20], reverse=True)
    assert len(set(light[:20])) == 20
    shown = Console(width=80, record=True, no_color=True)
    shown.print(rendered(Figure("attention", "maps", panels[:1]), 80))
    text = shown.export_text()
    assert "word0    " in text
    assert "word19 ██" in text
    rows = [row for row in records(Figure("attention", "maps", panels[:1])) if row["x_text"]]
    assert [(row["series"], row["x_text"], row["y"]) for row in rows] == [
        ("words", word, weight) for word, weight in words
    ]


def test_svg_in_a_page_has_the_pages_colour_and_escaped_text() -> None:
    svg = inline_svg(sample(), 7.0)
    ET.fromstring(svg)  # noqa: S314 - our own text
    assert svg.startswith("<svg")
    assert "currentColor" in svg
    assert INK not in svg
    assert "<script" not in svg
    assert "a$_b$ &lt;script&gt;&amp;?" in svg  # text, not mathematics
