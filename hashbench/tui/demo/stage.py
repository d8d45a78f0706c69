"""The workbench over recorded runs; the user's runs, data, caches and settings stay untouched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashbench.errors import BusyError, HashbenchError, InputError
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status


@contextmanager
def stage(speed: float) -> Iterator[Path]:
    """The folder of a demo while it plays; everything of hashbench's own is in there."""
    root = Path(tempfile.mkdtemp(prefix="hashbench-demo-"))
    for name in ("data", "config", "cache"):
        (root / name).mkdir()
    kept = {name: os.environ.get(name) for name in ("HASHBENCH_CONFIG", "HASHBENCH_CACHE")}
    os.environ |= {"HASHBENCH_CONFIG": str(root / "config"), "HASHBENCH_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", "hashbench.tui.demo.director", str(root)]
    director = subprocess.Popen(
        [*command, "--speed", str(speed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is a key of the workbench, and no signal to the director
    )
    try:
        if director.stdout is None or director.stdout.readline() != b"ready\n":
            raise HashbenchError("the demo's player ended at once", where="hashbench tui --demo")
        yield root
    finally:
        director.communicate()  # ends its stdin, and waits for its end
        shutil.rmtree(root, ignore_errors=True)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def play_on(run: RunFolder, speed: float) -> subprocess.Popen[bytes]:
    """What resuming and retrying do in a demo.

    Raises BusyError where it is played already, InputError where it is finished.
    """
    current = status(run)
    if current.worker_lives:
        raise BusyError("it is played already", where=run.id, remedy="s stops it")
    if current.state is Status.FINISHED:
        raise InputError("is finished; there is nothing to resume", where=run.id)
    from hashbench.tui.demo.director import start_player

    return start_player(run, speed)


def run_demo(speed: float) -> None:
    """Runs the workbench over recorded runs."""
    from hashbench.tui.app import Workbench

    with stage(speed) as root:
        Workbench(root / "runs", root / "data", demo_speed=speed).run()
