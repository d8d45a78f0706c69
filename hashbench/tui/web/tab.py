"""The workbench of one browser tab, as a process: `python -m hashbench.tui.web.tab`.

What it shows and what is typed goes through its two pipes, which the server holds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import os
from pathlib import Path
from typing import Any

from textual import messages
from textual.app import App
from textual.drivers.web_driver import WebDriver


class TabDriver(WebDriver):
    """Textual's driver, which would go on for ever where the server died without a word."""

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self._write = functools.partial(self._write_if_read)

    def _write_if_read(self, data: bytes) -> int:
        """Writes all of it, or nothing once nobody reads: the workbench then is about to end."""
        rest = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self.fileno, rest) :]
        return len(data)

    def run_input_thread(self) -> None:
        """Reads until the pipe ends, and then ends the workbench as `quit` does."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            asyncio.run_coroutine_threadsafe(
                self._app._post_message(messages.ExitApp()), loop=self._loop
            )


def main() -> None:
    """Runs the workbench until it quits, or the server ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs-dir", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--demo-speed", type=float)
    asked = parser.parse_args()
    if asked.demo_speed is not None:
        from hashbench.tui.demo.stage import run_demo

        run_demo(asked.demo_speed)
        return
    from hashbench.tui.app import Workbench

    Workbench(asked.runs_dir, asked.data_dir).run()


if __name__ == "__main__":
    main()
