"""Pictures at full quality: only where the terminal is known to draw them, never letters."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys

import pytest
from textual.app import App, ComposeResult

from hashbench.errors import UnknownNameError
from hashbench.tui import picture_quality
from hashbench.tui.picture_quality import BLOCKS, KITTY, SIXEL, PictureQuality, choose
from hashbench.tui.widgets.picture import Pixels
from hashbench.tui.widgets.sharp_picture import SharpPicture, picture_widget
from tests.tui.driving import until


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that tells the size of its letters, and the library."""
    monkeypatch.setattr(picture_quality, "cell_size", lambda: (9, 18))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


@pytest.mark.usefixtures("cells")
@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"TERM": "xterm-256color"}, BLOCKS),
        ({}, BLOCKS),
        ({"TERM": "xterm-kitty"}, KITTY),
        ({"TERM": "foot"}, SIXEL),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, SIXEL),
        ({"TERM": "xterm-kitty", "TMUX": "/run/tmux,1,0"}, BLOCKS),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "WezTerm"}, BLOCKS),
        ({"TERM": "screen"}, BLOCKS),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, BLOCKS),
        ({"TERM": "xterm-kitty", "TEXTUAL_DRIVER": "web"}, BLOCKS),
    ],
)
def test_only_terminals_that_are_known_get_pictures(environment: dict[str, str], mode: str) -> None:
    quality = choose("auto", environment)
    assert quality.mode == mode
    assert quality.reason == ""
    assert choose("blocks", environment).mode == BLOCKS


@pytest.mark.usefixtures("cells")
def test_what_is_asked_for_by_name_says_why_it_is_not_to_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose("sixel", {"TERM": "xterm"}).mode == SIXEL
    assert "tmux" in choose("sixel", {"TERM": "tmux"}).reason
    monkeypatch.setattr(picture_quality, "cell_size", lambda: None)
    assert "how many pixels" in choose("kitty", {"TERM": "xterm-kitty"}).reason
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "hashbench[pictures]" in choose("kitty", {"TERM": "xterm-kitty"}).reason
    with pytest.raises(UnknownNameError):
        choose("jpeg", {})


def test_the_library_is_loaded_without_a_byte_to_the_terminal() -> None:
    """In a real terminal, where its own import would ask by escape sequences."""
    pytest.importorskip("textual_image")
    code = (
        "from hashbench.tui.picture_quality import PictureQuality, load_widgets\n"
        "load_widgets(PictureQuality('sixel', 9, 18))\n"
        "from textual_image._terminal import get_cell_size\n"
        "import sys, os\n"
        "assert tuple(get_cell_size()) == (9, 18)\n"
        "assert sys.__stdout__.isatty() and 'TEXTUAL_CELL_WIDTH' not in os.environ\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    os.close(theirs)
    assert done.returncode == 0, done.stderr.decode()
    os.set_blocking(ours, False)
    try:
        written = os.read(ours, 1000)
    except (BlockingIOError, OSError):
        written = b""
    os.close(ours)
    assert written == b""


def test_a_picture_at_full_quality_takes_the_place_of_half_blocks() -> None:
    pytest.importorskip("textual_image")
    quality = PictureQuality(SIXEL, 10, 20)
    picture_quality.load_widgets(quality)

    class Shows(App[None]):
        def compose(self) -> ComposeResult:
            yield picture_widget(quality, "result")

    async def run() -> None:
        app = Shows()
        async with app.run_test(size=(40, 20)) as pilot:
            picture = app.screen.query_one("#result-picture", SharpPicture)
            picture.styles.height = 10
            await pilot.pause()
            assert picture.pixels_wanted == (400, 200)
            picture.show(None, "nothing yet")
            await pilot.pause()
            assert "nothing yet" in strips(app)
            assert "\x1bP" not in strips(app)  # the beginning of a sixel picture
            picture.show(Pixels(30, 20, bytes(range(256)) * 7 + bytes(8)))
            await until(pilot, lambda: "\x1bP" in strips(app))
            assert "nothing yet" not in strips(app)
            picture.show(None, "gone")
            await until(pilot, lambda: "\x1bP" not in strips(app) and "gone" in strips(app))

    asyncio.run(run())


def strips(app: App[None]) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join(segment.text for line in lines for segment in line)
