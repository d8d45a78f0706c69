"""The runs of a folder that have a worker, followed as their events are appended.

For those who look every second: whatever has ended is read once, and the events of the others are
folded as they come.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.runs import layout
from hashbench.runs.index import Stamp, stamp_of
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.status import LIVE, RunStatus, queue_positions, status_of
from hashbench.runs.tailer import Tailer

LOOK_SECONDS = 5.0  # between two looks for runs that are new or were resumed


@dataclass
class _Followed:
    run: RunFolder
    tailer: Tailer
    state: RunState = field(default_factory=RunState)


class LiveRuns:
    """`read` gives the runs that have a worker now, or wait for one, and what they are doing."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._stamps: dict[str, Stamp] = {}
        self._followed: dict[str, _Followed] = {}
        self._look_at = 0.0

    def read(self) -> list[tuple[RunFolder, RunStatus]]:
        """By id. Raises OSError where the folder cannot be read."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._look()
        positions = queue_positions(self._runs_dir) if self._followed else {}
        live = []
        for name, one in sorted(self._followed.items()):
            try:
                while fresh := one.tailer.poll():
                    for event in fresh:
                        one.state.add(event)
            except OSError:  # it was removed, or belongs to somebody else
                del self._followed[name]
                continue
            current = status_of(one.run, one.state, positions)
            if current.state in LIVE:
                live.append((one.run, current))
            elif one.state.ended is not None:
                del self._followed[name]
        return live

    def _look(self) -> None:
        """Follows runs whose files changed and that have not ended."""
        folders = {run.id: run for run in layout.find(self._runs_dir)}
        for gone in self._stamps.keys() - folders.keys():
            del self._stamps[gone]
            self._followed.pop(gone, None)
        for name, run in folders.items():
            stamp = stamp_of(os.fspath(run.path))
            if stamp == self._stamps.get(name) or name in self._followed:
                continue
            self._stamps[name] = stamp
            try:
                ended = read_ended_state(run.events) is not None
            except OSError:
                continue
            if not ended:
                self._followed[name] = _Followed(run, Tailer(run.events))
