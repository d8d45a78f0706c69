"""Leaves the workbench open for hours beside runs that come and go, and watches what it uses.

    python tests/survival/soak.py FOLDER [--minutes 120] [--every 6]
    python tests/survival/soak.py FOLDER --read

The workbench lives in a tmux session of its own; once a minute keys are pressed in it, every few
minutes a run is queued, and every minute a line goes to FOLDER/samples.jsonl: memory, open files,
threads, children and processor time of the workbench, and whether its screen shows all runs.
`--read` tells from these lines what grew. A finished run is left where it is, so that the table
grows as a user's does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from hashbench.runs import layout
from hashbench.runs.state import Status
from hashbench.runs.status import status

MB = 1 << 20
SESSION = "hashbench-soak"
METHODS = ("lsh", "soda", "itq", "pcril", "probe", "djsrh", "dcmh", "zero-shot", "dsph", "cirh")
LOOKS = (
    ("Enter", "Escape"),
    ("c", "Escape"),
    ("w", "Escape"),
    ("Down", "1", "2", "3", "4", "5"),
    ("Enter", "Tab", "Escape"),
    ("F1", "Escape"),
    ("n", "Escape"),
    ("z", "z", "Up", "l", "l"),
)
"""Keys that look at everything and change nothing."""


class Workbench:
    """The workbench in a tmux session of its own, which ends with `close`."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "hashbench", "tui", *places(folder)]
        self._tmux("new-session", "-d", "-x", "160", "-y", "48", "exec " + shlex.join(command))
        self._tmux("set-option", "remain-on-exit", "on")
        pid = int(self._tmux("display", "-p", "#{pane_pid}"))
        self.process = psutil.Process(pid)

    def press(self, *keys: str) -> None:
        """Presses keys, with a second for each."""
        for key in keys:
            self._tmux("send-keys", key)
            time.sleep(1.0)

    def screen(self) -> str:
        """What it shows."""
        return self._tmux("capture-pane", "-p")

    def close(self) -> None:
        """Ends the session and the workbench."""
        self._tmux("kill-server")

    @staticmethod
    def _tmux(*words: str) -> str:
        command = ["tmux", "-L", SESSION, "-f", os.devnull, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def places(folder: Path) -> list[str]:
    """The options that keep everything inside the folder."""
    return ["--runs-dir", str(folder / "runs"), "--data-dir", str(folder / "data")]


def queue_run(folder: Path, method: str, seed: int) -> None:
    """Queues one short run; its launcher is waited for."""
    words = ["run", "-m", method, "-d", "picturebook-tiny", "-b", "16", "--threads", "1"]
    words += ["--seed", str(seed), "--queue", *places(folder)]
    if method not in ("lsh", "itq", "zero-shot"):
        words += ["--epochs", "2"]
    command = [sys.executable, "-m", "hashbench", *words]
    log = folder / "launches.log"
    with log.open("ab") as file:
        subprocess.run(command, check=False, stdout=file, stderr=subprocess.STDOUT)


def sample(workbench: Workbench, folder: Path, began: float) -> dict[str, Any]:
    """One line of figures."""
    process = workbench.process
    runs = layout.find(folder / "runs")
    states = [status(run).state for run in runs]
    with process.oneshot():
        used = process.cpu_times()
        memory = process.memory_full_info()
        line: dict[str, Any] = {
            "minutes": round((time.monotonic() - began) / 60, 2),
            "rss_mb": round(memory.rss / MB, 1),
            "private_mb": round(memory.uss / MB, 1),
            "files": process.num_fds(),
            "threads": process.num_threads(),
            "children": len(process.children(recursive=True)),
            "cpu_seconds": round(used.user + used.system, 1),
        }
    line["runs"] = len(runs)
    line["states"] = {str(state): states.count(state) for state in set(states)}
    text = workbench.screen()
    line["shows_all_runs"] = f" {len(runs)} run" in text  # the table's title counts them
    line["traceback"] = "Traceback" in text
    line["load"] = round(os.getloadavg()[0], 1)
    return line


def soak(folder: Path, minutes: float, every: int) -> None:
    """Watches for so long, one line a minute; queues a run every so many minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    workbench = Workbench(folder)
    began = time.monotonic()
    looks, methods = itertools.cycle(LOOKS), itertools.cycle(METHODS)
    try:
        for minute in itertools.count():
            if minute % every == 0:
                queue_run(folder, next(methods), minute)
            workbench.press(*next(looks))
            with (folder / "samples.jsonl").open("a") as file:
                file.write(json.dumps(sample(workbench, folder, began)) + "\n")
            if time.monotonic() - began >= 60 * minutes:
                break
            time.sleep(max(0.0, began + 60 * (minute + 1) - time.monotonic()))
    finally:
        (folder / "last_screen.txt").write_text(workbench.screen())
        workbench.close()


def samples(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines that a soak wrote."""
    with (folder / "samples.jsonl").open() as file:
        yield from map(json.loads, file)


def read(folder: Path) -> dict[str, Any]:
    """What grew: medians of the second and of the last quarter, since the first one warms up."""
    lines = list(samples(folder))
    quarter = max(1, len(lines) // 4)
    figures: dict[str, Any] = {"minutes": lines[-1]["minutes"], "runs": lines[-1]["runs"]}
    for name in ("rss_mb", "private_mb", "files", "threads", "children"):
        values = [line[name] for line in lines]
        figures[name] = {
            "second quarter": statistics.median(values[quarter : 2 * quarter] or values),
            "last quarter": statistics.median(values[-quarter:]),
            "most": max(values),
        }
    seconds = lines[-1]["cpu_seconds"] - lines[0]["cpu_seconds"]
    lasted = 60 * (lines[-1]["minutes"] - lines[0]["minutes"])
    figures["share of a core"] = round(seconds / lasted, 4) if lasted else None
    figures["states"] = lines[-1]["states"]
    figures["lost or failed"] = sum(
        lines[-1]["states"].get(str(state), 0) for state in (Status.LOST, Status.FAILED)
    )
    figures["screens that show all runs"] = sum(line["shows_all_runs"] for line in lines)
    figures["screens with a traceback"] = sum(line["traceback"] for line in lines)
    return figures


def main() -> int:
    """Soaks, or reads what a soak wrote, and prints the figures; 1 where a run was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--every", type=int, default=6, help="minutes between two runs")
    parser.add_argument("--read", action="store_true", help="only tell what an earlier one saw")
    given = parser.parse_args()
    if not given.read:
        soak(given.folder.resolve(), given.minutes, given.every)
    figures = read(given.folder)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 1 if figures["lost or failed"] or figures["screens with a traceback"] else 0


if __name__ == "__main__":
    sys.exit(main())
