"""Reports: what is in them, that it is escaped, small, the same every time, and can be repeated."""

from __future__ import annotations

import html as html_module
import re
import shlex
from pathlib import Path

import pytest

from hashbench.errors import InputError
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request, options
from hashbench.report import comparison
from hashbench.report.pages.choice import figures_of
from hashbench.report.pages.html import html
from hashbench.report.pages.page import Page, report_page
from hashbench.report.rows import Collected, collect
from hashbench.runs import layout, tags
from tests.report.scored_runs import scored_run

HOSTILE = "<script>alert(1)</script> & 'x' \"y\" ${z} {{ 7 * 7 }} #eval"


def made(folder: Path) -> Collected:
    for seed in range(2):
        scored_run(folder, noise=0.05, method=["soda"], seed=[seed])
        scored_run(folder, noise=0.3, method=["lsh"], seed=[seed])
    scored_run(folder, method=["soda"], set={"alpha": 0.01}, second=5)
    scored_run(folder, method=["oracle"], protocol=["published"])
    return collect(layout.find(folder))


def page_of(collected: Collected, *, figures: bool, **texts: str) -> Page:
    tables = comparison.compare(collected.finished)
    drawn, missing = figures_of(collected, "mAP@all") if figures else ([], [])
    return report_page(collected, tables, drawn, notes=missing, **texts)


def test_a_report_holds_what_its_reader_must_know(tmp_path: Path) -> None:
    text = html_module.unescape(html(page_of(made(tmp_path), figures=False)))
    for wanted in (
        "PUBLISHED PROTOCOL: 1 run of oracle",
        "table 2 is not ranked with table 1: it differs in protocol",
        "6 of 6 runs clean",
        "random floor",
        "own split7",
    ):
        assert wanted in text, wanted
    titles = re.findall(r"<h2 id=[^>]*>([^<]*)", text)
    assert titles == ["Results", "Leak audit", "Protocol", "Machines", "Make it again", "Runs"]


def test_text_of_others_is_escaped(tmp_path: Path) -> None:
    collected = made(tmp_path)
    tags.write(collected.finished[0].run, HOSTILE[:60], [])
    page = page_of(collected, figures=False, title=HOSTILE, question=HOSTILE, verdict=HOSTILE)
    text = html(page)
    assert text.count("<script>") == 1  # our own
    assert "&lt;script&gt;alert(1)" in text
    assert "{{ 7 * 7 }}" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)', text)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "script-src 'sha256-" in policy[1]
    # nothing is loaded: no address but the names of XML
    addresses = set(re.findall(r"https?://[^\"' )<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_commands_make_the_same_runs(tmp_path: Path) -> None:
    collected = made(tmp_path)
    page = page_of(collected, figures=False)
    commands = next(one.commands for one in page.sections if one.title == "Make it again")
    hashes = set()
    for command in commands:
        words = shlex.split(command)[2:]
        flags = {row.flag: key for key, row in options().items()}
        typed: dict[str, list[str]] = {}
        for flag, value in zip(words[::2], words[1::2], strict=True):
            typed.setdefault(flags[flag], []).append(value)
        given = {key: options()[key].parse(texts) for key, texts in typed.items()}
        hashes |= {spec.hash for spec in expand(Request(**given))}
    assert hashes == {run.spec.hash for run in collected.finished}


@pytest.mark.parametrize(
    "count",
    [20, pytest.param(100, marks=pytest.mark.slow)],  # a hundred runs take long to score
)
def test_a_report_of_many_runs_is_small_and_the_same_twice(tmp_path: Path, count: int) -> None:
    pytest.importorskip("matplotlib", reason="needs pip install 'hashbench[plots]'")
    for number in range(count):
        alpha = {"alpha": 0.01 * (1 + number // 10)}
        scored_run(tmp_path, method=["soda"], seed=[number % 10], set=alpha, second=number % 60)
    collected = collect(layout.find(tmp_path))
    page = page_of(collected, figures=True)
    text = html(page)
    assert text.count("<figure>") >= 2
    assert len(text.encode()) < 2_000_000
    assert text == html(page)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    assert used <= set(ids)


def test_a_report_as_pdf_is_the_same_twice(tmp_path: Path) -> None:
    pytest.importorskip("typst", reason="needs pip install 'hashbench[pdf]'")
    from hashbench.report.pages.pdf import pdf

    page = page_of(made(tmp_path), figures=False, title=HOSTILE, question="Why #[x]?")
    content = pdf(page)
    assert content.startswith(b"%PDF")
    assert content == pdf(page)


def test_without_a_finished_run_there_is_no_report() -> None:
    with pytest.raises(InputError, match="no finished run"):
        report_page(Collected(), [], [])
