"""Plays one recorded run as a worker would: `python -m hashbench.tui.demo.player RUN --speed 5`.

A process of its own, so that pausing, stopping, killing and resuming it are what they always are.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from hashbench.runs import control, events
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.processes import this
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter
from hashbench.tui.demo.recording import NOT_PLAYED, RecordedRun, load, write_outcome

LOOK_SECONDS = 0.1
LONGEST_GAP = 10.0  # recorded seconds; whoever watches waits for nothing longer


class Player:
    """Writes what is left of a recorded run into its folder. `speed` 2 plays twice as fast."""

    def __init__(self, recorded: RecordedRun, run: RunFolder, speed: float) -> None:
        self._recorded, self._run, self._speed = recorded, run, speed
        self._slack = 0.0  # seconds that the last events were late

    def play(self) -> None:
        """Plays to the end, or until it is stopped or the folder vanishes."""
        before = list(read_all(self._run.events)) if self._run.events.is_file() else []
        ends = (events.Stopped, events.Failed)
        played = sum(not isinstance(event, (*NOT_PLAYED, *ends)) for event in before)
        left = self._recorded.events[played:]
        with EventWriter(self._run.events) as writer:
            facts: dict[str, events.Scalar] = {"device": "cpu"}
            writer.write(events.Started(**this(), resumed=bool(before), facts=facts))
            last = left[0].t if left else 0.0
            for event in left:
                if not self._wait(writer, min(event.t - last, LONGEST_GAP) / self._speed):
                    return
                last = event.t
                self._write(writer, event)

    def _write(self, writer: EventWriter, event: AnyEvent) -> None:
        if isinstance(event, events.Finished):
            write_outcome(self._recorded, self._run)
        writer.write(event)

    def _wait(self, writer: EventWriter, seconds: float) -> bool:
        """Waits, and does meanwhile what is asked; False means that it is over."""
        until = time.monotonic() + seconds - self._slack
        while True:
            if not self._run.spec.is_file() or not self._obey(writer):
                return False
            rest = until - time.monotonic()
            if rest <= 0:
                self._slack = min(-rest, 1.0)
                return True
            time.sleep(min(rest, LOOK_SECONDS))

    def _obey(self, writer: EventWriter) -> bool:
        """Handles a control request as the trainer does; False means that it was to stop."""
        request = control.read(self._run)
        if request == "pause":
            control.clear(self._run)
            writer.write(events.Paused())
            while (request := control.read(self._run)) not in ("go", "stop"):
                if not self._run.spec.is_file():
                    return False
                time.sleep(LOOK_SECONDS)
            if request == "go":
                control.clear(self._run)
                writer.write(events.Continued())
        if request == "stop":
            control.clear(self._run)
            writer.write(events.Stopped(reason="asked to stop"))
            return False
        return True


def main() -> None:
    """Plays the run whose folder is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--speed", type=float, required=True)
    asked = parser.parse_args()
    run = RunFolder(asked.run)
    try:
        Player(load()[run.id], run, asked.speed).play()
    except FileNotFoundError:
        if run.spec.is_file():
            raise  # or else the demo is over, or the run was deleted


if __name__ == "__main__":
    main()
