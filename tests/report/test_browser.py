"""A report in a real browser: nothing is loaded, nothing complains, tables sort and filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hashbench.report.pages.html import html
from tests.report.browser import Browser, find_browser
from tests.report.test_pages import HOSTILE, made, page_of

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: apt install chromium")

COLUMN = "[...document.querySelector('table').tBodies[0].rows].map(r => r.cells[{}].innerText)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    pytest.importorskip("matplotlib", reason="needs pip install 'hashbench[plots]'")
    page = page_of(made(folder / "runs"), figures=True, title=HOSTILE, verdict=HOSTILE)
    path.write_text(html(page))
    return path


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    assert PROGRAM is not None
    opened = Browser(PROGRAM, tmp_path / "profile")
    yield opened
    opened.close()


def test_a_report_opens_sorts_and_filters(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.run("document.title").startswith("<script>alert(1)")

    # numbers sort as numbers, both ways, and deviations behind them do not matter
    plain = browser.run(COLUMN.format(0))
    browser.run("document.querySelectorAll('th button')[2].click()")
    rising = [float(text.split()[0].rstrip("*")) for text in browser.run(COLUMN.format(2))]
    assert rising == sorted(rising)
    browser.run("document.querySelectorAll('th button')[2].click()")
    falling = [float(text.split()[0].rstrip("*")) for text in browser.run(COLUMN.format(2))]
    assert falling == sorted(falling, reverse=True)
    assert browser.run("document.querySelector('th[aria-sort]').ariaSort") == "descending"
    assert sorted(browser.run(COLUMN.format(0))) == sorted(plain)

    # the audit has a row a run: enough for a filter
    visible = (
        "[...document.querySelector('.filter').nextElementSibling.querySelectorAll('tbody tr')]"
        ".filter(row => row.checkVisibility()).length"
    )
    assert browser.run(visible) == 6
    browser.run(
        "const box = document.querySelector('.filter input'); box.value = 'soda S1';"
        "box.dispatchEvent(new Event('input'))"
    )
    assert browser.run(visible) == 1
    assert browser.run("document.querySelector('.filter span').innerText").strip() == "1 of 6"

    _complains_of_nothing(browser)


def _complains_of_nothing(browser: Browser) -> None:
    """No request but for the file itself, no message, no exception."""
    asked = [
        one["params"]["request"]["url"]
        for one in browser.events
        if one["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert sum(url.startswith("file:") for url in asked) == 1
    noisy = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    assert [one for one in browser.events if one["method"] in noisy] == []


def test_without_its_script_a_report_is_plain_tables(browser: Browser, report: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(report)
    assert browser.run("document.querySelectorAll('th button, .filter').length") == 0
    assert browser.run("document.querySelectorAll('table').length") >= 6
    assert browser.run(COLUMN.format(0)) == ["lsh", "soda alpha=0.01", "soda"]
    _complains_of_nothing(browser)


def test_a_report_is_light_or_dark_and_prints(browser: Browser, report: Path) -> None:
    browser.open(report)
    looks = set()
    for scheme in ("light", "dark"):
        browser.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        ink = browser.run("getComputedStyle(document.body).color")
        text = browser.run("getComputedStyle(document.querySelector('figure svg text')).fill")
        assert text == ink != paper
        looks.add(paper)
    assert len(looks) == 2
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert len(browser.call("Page.printToPDF")["data"]) > 10_000


def test_every_table_and_figure_has_a_name(browser: Browser, report: Path) -> None:
    browser.open(report)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if not node["ignored"] and "name" in node
    }
    tables = [name for role, name in named if role == "table"]
    pictures = [name for role, name in named if role in ("img", "image")]
    assert len(tables) >= 6
    assert all(tables)
    assert pictures
    assert all(pictures)
    assert {"columnheader", "rowheader"} <= {role for role, _ in named}
