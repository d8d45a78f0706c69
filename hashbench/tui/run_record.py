"""What the reader knows of one run, and what it makes of that for lists and panels."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from hashbench.plan.spec import RunSpec
from hashbench.runs import events
from hashbench.runs import state as states
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState, Status
from hashbench.runs.tags import Tags
from hashbench.tui.event_log import Line
from hashbench.tui.run_row import RunView, view_of
from hashbench.tui.run_tail import Follower, LogFollower
from hashbench.tui.series import Curves

LIVE = (Status.RUNNING, Status.PAUSED, Status.QUEUED)


@dataclass(frozen=True)
class Watched:
    """What panels show of a run."""

    curves: Curves
    story: tuple[Line, ...]
    log: tuple[Line, ...]
    recovery: events.Recovery | None = None


class Seen(NamedTuple):
    """What tells that something changed: the size of the events, the time of the folder, which
    changes when a file in it is made or replaced.
    """

    events: int
    folder: int


@dataclass
class Record:
    """One run: its files as they were last seen, and the view that was told of it last."""

    run: RunFolder
    spec: RunSpec | None = None
    problem: str = ""
    state: RunState = field(default_factory=RunState)
    follower: Follower | None = None
    log: LogFollower | None = None
    tags: Tags = field(default_factory=Tags)
    seen: Seen | None = None
    view: RunView | None = None

    @cached_property
    def _folder(self) -> str:
        return str(self.run.path)

    @property
    def live(self) -> bool:
        """Whether its events may grow at any moment."""
        return self.view is not None and self.view.status in LIVE

    def stat(self) -> Seen:
        """What is seen of the folder now."""
        return Seen(_of(f"{self._folder}/events.jsonl").st_size, _of(self._folder).st_mtime_ns)

    def renew(self, place: int) -> bool:
        """Makes the view anew; tells whether it changed. `place` is that in the queue, 0 for none.

        A worker may have died without a word, so the same state may make another view.
        """
        state, follower = self.state, self.follower
        status = states.status(state, self.run)
        problem = self.problem
        if isinstance(state.ended, events.Finished) and status is Status.LOST:
            problem = problem or "finished, but its result.json is missing"
        if follower is not None and follower.skipped and not problem:
            problem = f"{follower.skipped} lines of events.jsonl hold no event"
        view = view_of(
            self.run,
            self.spec,
            state,
            status,
            self.tags,
            left=follower.pace.left(state.steps_total) if follower is not None else None,
            problem=problem,
            place=place if status in LIVE else 0,
        )
        if view == self.view:
            return False
        self.view = view
        return True

    def watched(self) -> Watched:
        """Series and lines as they are now."""
        follower, log = self.follower, self.log
        return Watched(
            curves=follower.series.curves() if follower else Curves(),
            story=tuple(follower.story) if follower else (),
            log=tuple(log.lines) if log else (),
            recovery=follower.recovery if follower else None,
        )


def _of(path: str) -> os.stat_result:
    """As `os.stat`, all -1 for what is not there; of strings, for it is asked very often."""
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError:
        return _ABSENT


_ABSENT = os.stat_result([-1] * 10, {"st_mtime_ns": -1})
