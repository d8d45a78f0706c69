"""Directs a demo: `python -m hashbench.tui.demo.director ROOT --speed 5`.

It starts players, two at a time, and ends when its stdin does, which is when the workbench ends,
however it ends. Then it ends the players and removes ROOT, so that nothing is left of a demo.
"""

from __future__ import annotations

import argparse
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from hashbench.runs import events
from hashbench.runs.layout import RunFolder
from hashbench.tui.demo.recording import RecordedRun, lay_out, load, write_outcome

AT_ONCE = 2
ALREADY_OVER = 3  # runs that ended before the demo began
LOOK_SECONDS = 0.3


def lay_out_all(root: Path, recorded: list[RecordedRun]) -> list[RunFolder]:
    """Makes the runs folder; returns the runs that are still to be played, in their order."""
    runs_dir = root / "runs"
    for one in recorded[:ALREADY_OVER]:
        run = lay_out(one, runs_dir)
        write_outcome(one, run)
        _write_past(one, run)
    return [lay_out(one, runs_dir) for one in recorded[ALREADY_OVER:]]


def _write_past(recorded: RecordedRun, run: RunFolder) -> None:
    """The events of a run that ended a minute ago; its worker is none that could live."""
    later = time.time() - 60.0 - recorded.events[-1].t
    start = events.Started(pid=0, since=0.0, host="demo", facts={"device": "cpu"})
    start = msgspec.structs.replace(start, t=recorded.events[0].t)
    moved = (
        msgspec.structs.replace(event, seq=number, t=round(event.t + later, 3))
        for number, event in enumerate((start, *recorded.events))
    )
    run.events.write_bytes(b"".join(map(events.encode, moved)))


def start_player(run: RunFolder, speed: float) -> subprocess.Popen[bytes]:
    """Starts playing a run, or goes on where it was stopped."""
    command = [sys.executable, "-m", "hashbench.tui.demo.player", str(run.path)]
    return subprocess.Popen(
        [*command, "--speed", str(speed)], stdin=subprocess.DEVNULL, start_new_session=True
    )


def direct(runs: list[RunFolder], speed: float) -> None:
    """Plays the runs until stdin ends."""
    waiting, playing = list(runs), list[subprocess.Popen[bytes]]()
    try:
        while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
            playing = [player for player in playing if player.poll() is None]
            while waiting and len(playing) < AT_ONCE:
                run = waiting.pop(0)
                if run.spec.is_file() and not run.events.exists():  # neither deleted nor resumed
                    playing.append(start_player(run, speed))
    finally:
        for player in playing:
            player.kill()
            player.wait()


def main() -> None:
    """Directs the demo in a folder, and removes it at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--speed", type=float, required=True)
    asked = parser.parse_args()
    try:
        runs = lay_out_all(asked.root, list(load().values()))
        print("ready", flush=True)  # noqa: T201 - the workbench waits for this line
        direct(runs, asked.speed)
    finally:
        shutil.rmtree(asked.root, ignore_errors=True)  # a retrieval server may still write there


if __name__ == "__main__":
    main()
