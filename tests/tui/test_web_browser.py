"""The workbench in a real browser: it opens with its link, and a key works."""

from __future__ import annotations

import base64
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.browser import Browser, find_browser
from tests.tui import fixtures
from tests.tui.serving import Served, letters

pytest.importorskip("textual_serve", reason="needs pip install 'hashbench[serve]'")
PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    fixtures.finished(tmp_path / "runs", fixtures.spec(), 1)
    running = Served(tmp_path, "--runs-dir", str(tmp_path / "runs"))
    yield running
    running.end(signal.SIGKILL)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    assert PROGRAM is not None
    opened = Browser(PROGRAM, tmp_path / "profile")
    yield opened
    opened.close()


def shown(browser: Browser) -> str:
    """Everything that came over the websocket so far, without its escape sequences."""
    browser.run("1")  # takes in what was reported
    frames = [
        base64.b64decode(event["params"]["response"]["payloadData"])
        for event in browser.events
        if event["method"] == "Network.webSocketFrameReceived"
        and event["params"]["response"]["opcode"] == 2
    ]
    return letters(b"".join(frames))


def wait_for(browser: Browser, text: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while text not in shown(browser):
        assert time.monotonic() < end, shown(browser)[-2000:]
        time.sleep(0.2)


def test_it_opens_with_its_link_and_keys_work(browser: Browser, served: Served) -> None:
    # without the token: one sentence, and no workbench
    browser.call("Page.navigate", url=f"http://127.0.0.1:{served.port}/")
    browser.wait_for("Page.loadEventFired")
    assert browser.run("document.body.innerText").startswith("The workbench opens only with")
    assert served.tabs() == []

    browser.call("Page.navigate", url=served.url)
    wait_for(browser, "1 finished")
    wait_for(browser, "picturebook")
    assert browser.run("location.href") == f"http://127.0.0.1:{served.port}/"
    assert browser.run("document.body.classList.contains('-first-byte')")
    assert browser.run("document.querySelectorAll('#terminal canvas').length") > 0
    browser.call("Input.dispatchKeyEvent", type="keyDown", text="?", key="?")
    wait_for(browser, "compare")
    wait_for(browser, "resume stopped and lost runs")

    # nothing is asked of anybody else, and nothing complains
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    own = f"http://127.0.0.1:{served.port}/"
    assert [url for url in asked if not url.startswith((own, "data:", "about:"))] == []
    assert [one for one in browser.events if one["method"] == "Runtime.exceptionThrown"] == []

    # the end of the server is told in the page
    served.process.send_signal(signal.SIGINT)
    served.process.wait(timeout=30)
    end = time.monotonic() + 30
    while not browser.run("document.body.classList.contains('-closed')"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert "workers go on" in browser.run("document.getElementById('end').innerText")
