"""What the reader knows of one run, and what it makes of that for lists and panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hashbench.plan.spec import RunSpec
from hashbench.report.narration import Line
from hashbench.report.run_series import Curves
from hashbench.runs import events
from hashbench.runs.index import Stamp, Summary, stamp_of
from hashbench.runs.layout import RunFolder
from hashbench.runs.status import LIVE, RunStatus, status_of
from hashbench.runs.tags import Tags
from hashbench.tui.run_row import RunView, view_of
from hashbench.tui.run_tail import OutputTail, RunTail


@dataclass(frozen=True)
class Watched:
    """What panels show of a run: `log` holds its events, `output` what its worker printed."""

    curves: Curves
    log: tuple[Line, ...]
    output: tuple[Line, ...]
    recovery: events.Recovery | None = None


@dataclass
class Record:
    """One run: its files as they were last seen, and the view that was published last.

    `ended` is its status where it was read from an index or from head and tail of the events;
    a run that is followed has a `tail` instead.
    """

    run: RunFolder
    spec: RunSpec | None = None
    problem: str = ""
    tags: Tags = field(default_factory=Tags)
    ended: RunStatus | None = None
    tail: RunTail | None = None
    output: OutputTail | None = None
    stamp: Stamp | None = None
    view: RunView | None = None

    @cached_property
    def _folder(self) -> str:
        return str(self.run.path)

    @property
    def live(self) -> bool:
        """Whether its events may grow at any moment."""
        return self.view is not None and self.view.status in LIVE

    def current_stamp(self) -> Stamp:
        """What is seen of the folder now."""
        return stamp_of(self._folder)

    def take(self, summary: Summary) -> None:
        """Takes over what was read of the run."""
        self.spec, self.tags, self.problem = summary.spec, summary.tags, summary.problem
        self.ended = summary.status

    def renew(self, positions: Mapping[str, int]) -> bool:
        """Makes the view anew; returns whether it changed. `positions` are those in the queue.

        A worker may have died without an event, so the same events may make another view.
        """
        problem = self.problem
        if self.tail is not None and self.tail.caught_up:
            current = status_of(self.run, self.tail.state, positions)
            if self.tail.skipped and not problem:
                problem = f"{self.tail.skipped} lines of events.jsonl hold no event"
        elif self.ended is not None:
            current = self.ended
        else:
            return False
        view = view_of(self.run, self.spec, current, self.tags, problem=problem)
        if view == self.view:
            return False
        self.view = view
        return True

    def watched(self) -> Watched:
        """Series and lines as they are now."""
        tail, output = self.tail, self.output
        return Watched(
            curves=tail.series.curves() if tail else Curves(),
            log=tuple(tail.log) if tail else (),
            output=tuple(output.lines) if output else (),
            recovery=tail.recovery if tail else None,
        )
