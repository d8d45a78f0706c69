"""Running the workbench under test and waiting for what it shows."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual import events
from textual.pilot import Pilot

from hashbench.tui.app import Workbench

Script = Callable[[Pilot[None], Workbench], Awaitable[None]]


def drive(
    script: Script, runs_dir: Path, data_dir: Path, size: tuple[int, int] = (80, 24)
) -> Workbench:
    """Runs the workbench, waits until it has read all runs, and hands it to the script."""

    async def run() -> Workbench:
        app = Workbench(runs_dir, data_dir, machine=None)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.loading[1] >= 0 and app.loading[0] == app.loading[1])
            await until(pilot, lambda: len(app.views) == app.loading[1])
            await pilot.pause()
            await script(pilot, app)
        return app

    return asyncio.run(run())


def send_at_once(app: Workbench, *keys: str) -> None:
    """Keys as a fast terminal sends them: each arrives before the one before it is handled."""
    assert app._driver is not None
    for key in keys:
        app._driver.send_message(events.Key(key, key if len(key) == 1 else None))


async def until(pilot: Pilot[None], true: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits until `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        await pilot.pause(0.02)


def text_of(app: Workbench) -> str:
    """All that is on the screen, line by line, without colour."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join(line.crop(0, width).text for line in lines[:height])


def svg_text(svg: str) -> str:
    """The letters of a picture, line by line."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, letters in re.findall(r'<text[^>]* x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', svg):
        rows.setdefault(float(y), []).append((float(x), html.unescape(letters)))
    lines = ("".join(part for _, part in sorted(parts)) for _, parts in sorted(rows.items()))
    return "\n".join(line.replace("\xa0", " ").rstrip() for line in lines)
