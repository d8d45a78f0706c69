"""Following a worker: its events as a live display, as plain lines, or as JSON lines."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import time
from abc import ABC, abstractmethod
from typing import Protocol

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from hashbench.cli.console import UNWRAPPED, console
from hashbench.errors import HashbenchError
from hashbench.launch.spawn import last_log_lines
from hashbench.report.narration import (
    mean_average_precisions,
    narrate,
    narrate_warnings,
    numbers,
)
from hashbench.report.text import duration, plain
from hashbench.report.warnings import fresh_warnings
from hashbench.runs import control, events
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.status import activity, put_back, status_of
from hashbench.runs.tailer import Tailer

POLL_SECONDS = 0.1
LOST_CODE = 5

MILESTONES = (
    events.StageBegan,
    events.Monitors,
    events.Note,
    events.Paused,
    events.Continued,
    events.Stopped,
    events.Failed,
    events.Finished,
    events.Notified,
)
"""The events whose lines are always printed; the workbench's log shows all."""


class Interrupted(HashbenchError):  # noqa: N818  # a request of the user's, not an error
    """The user pressed Ctrl-C. `resumable`: the run that was followed is not over."""

    exit_code = 130

    def __init__(self, *, resumable: bool) -> None:
        super().__init__("interrupted")
        self.resumable = resumable


class Work(Protocol):
    """What works at a run: a process, or the job of a cluster."""

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None:
        """None while it works."""


class Watcher(ABC):
    """Follows workers until they end. Ctrl-C asks the worker to stop, a second one leaves it."""

    def follow(self, run: RunFolder, process: Work, number: int, of: int) -> int:
        """Shows a run's events until its worker ends; returns the exit code.

        Raises Interrupted when the user stopped it.
        """
        tailer = Tailer(run.events)
        return self.follow_from(tailer, earlier_state(tailer), run, process, number, of)

    def follow_from(
        self,
        tailer: Tailer,
        state: RunState,
        run: RunFolder,
        process: Work,
        number: int,
        of: int,
        *,
        leave: bool = False,
    ) -> int:
        """The same from where `tailer` is, with what the events before say in `state`. `leave`:
        Ctrl-C ends the watching at once, and nothing else.
        """
        self.begin(run, number, of)
        stop_requested = False
        try:
            while True:
                try:
                    # asked before the last events are read, so that none is missed
                    over = process.poll() is not None
                    for event in tailer.poll():
                        state.add(event)
                        self.show(run, event, state)
                    if over and not tailer.behind:
                        break
                    time.sleep(POLL_SECONDS)
                except KeyboardInterrupt:
                    if leave:
                        raise Interrupted(resumable=False) from None
                    if stop_requested:
                        self.message(f"left running: {run.id}")
                        raise Interrupted(resumable=False) from None
                    stop_requested = True
                    control.send(run, "stop")
                    self.message("finishing the step and saving; Ctrl-C again leaves it running")
        finally:
            self.end()
        if state.ended is None or put_back(state):
            lost = status_of(run, state, {})
            code = "" if leave else f" (exit code {process.returncode})"
            self.message(f"{lost.reason or 'the worker ended'}{code}")
            self.message(last_log_lines(run))
            self.message(lost.remedy)
            return LOST_CODE
        if stop_requested:
            raise Interrupted(resumable=not isinstance(state.ended, events.Finished))
        return state.ended.code if isinstance(state.ended, events.Failed) else 0

    @abstractmethod
    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """A run begins to be followed."""

    @abstractmethod
    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:
        """An event came; `state` holds it already."""

    @abstractmethod
    def message(self, text: str) -> None:
        """Prints what is no event."""

    def end(self) -> None:  # noqa: B027  # most have nothing to put away
        """The run is no longer followed."""


class JsonLines(Watcher):
    """One JSON object a line: the event, with the run's id."""

    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """Prints nothing: the event `started` follows."""

    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:
        """The event as a line on stdout, and a line of kind `rule` for each rule that speaks."""
        sys.stdout.write(json.dumps({"run": run.id, **msgspec.to_builtins(event)}) + "\n")
        for warning in fresh_warnings(event, state):
            said = {"run": run.id, "kind": "rule", **msgspec.to_builtins(warning)}
            sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    def message(self, text: str) -> None:
        """On stderr, so that stdout stays JSON."""
        sys.stderr.write(f"{plain_lines(text)}\n")


class PlainLines(Watcher):
    """A line for every milestone: for logs, pipes and terminals without control."""

    EVERY_SECONDS = 5.0

    def __init__(self) -> None:
        self._last = 0.0

    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """Names the run."""
        self.message(heading(run, number, of))

    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:  # noqa: ARG002
        """Milestones always, progress every five seconds."""
        if isinstance(event, MILESTONES):
            for line in narrate(event, state):
                self.message(line.text)
            return
        for line in narrate_warnings(event, state):
            self.message(line.text)
        if isinstance(event, events.Progress | events.EpochEnded | events.Scores) and (
            time.monotonic() - self._last >= self.EVERY_SECONDS
        ):
            self._last = time.monotonic()
            self.message("  " + progress_text(state))

    def message(self, text: str) -> None:
        """Lines on stdout: folded at the terminal's width or COLUMNS, whole in a pipe."""
        fold = sys.stdout.isatty() or "COLUMNS" in os.environ
        width = shutil.get_terminal_size().columns if fold else UNWRAPPED
        for line in plain_lines(text).splitlines():
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            folded = textwrap.wrap(line, width, subsequent_indent=indent, drop_whitespace=False)
            sys.stdout.write("\n".join(part.rstrip() for part in folded) + "\n")
        sys.stdout.flush()


class LiveDisplay(Watcher):
    """A progress bar a stage, with losses, validation mAP and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}

    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """Names the run and opens the display."""
        self._console.print(plain(heading(run, number, of)), highlight=False, style="bold")
        self._bars = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", style="dim", markup=False),
            console=self._console,
            refresh_per_second=8,
        )
        self._progress.start()

    def _bar(self, name: str, done: float, total: float, text: str = "") -> None:
        """Draws the bar of a stage or a preparation, which is made when it is drawn first."""
        if self._progress is None:
            return
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(plain(name), total=None, text="")
        self._progress.update(
            self._bars[name], completed=done, total=total or None, text=plain(text)
        )

    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:  # noqa: ARG002
        """Moves bars; milestones and warnings are printed above them."""
        if not isinstance(event, MILESTONES):
            for line in narrate_warnings(event, state):
                self.message(line.text)
        match event:
            case events.Progress(what=what, done=done, total=total):
                self._bar(what, done, total, f"{done:,} of {total:,}{time_left(state)}")
            case events.StageBegan(stage=stage):
                self._bar(stage, state.epoch, state.epochs)
            case events.Loss(stage=stage, epoch=epoch):
                self._bar(stage, epoch, state.epochs, latest(state) + time_left(state))
            case events.EpochEnded(stage=stage, epoch=epoch):
                self._bar(stage, epoch + 1, state.epochs, latest(state) + time_left(state))
            case events.Scores(on="validation", stage=stage):
                self._bar(stage, state.epoch, state.epochs, latest(state) + time_left(state))
            case _ if isinstance(event, MILESTONES):
                for line in narrate(event, state):
                    self.message(line.text)
            case _:
                pass

    def message(self, text: str) -> None:
        """Printed above the bars."""
        self._console.print(plain_lines(text), highlight=False, markup=False)

    def end(self) -> None:
        """Closes the display."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def watcher(*, as_json: bool) -> Watcher:
    """The watcher that fits where the output goes."""
    if as_json:
        return JsonLines()
    out = console()
    return LiveDisplay(out) if out.is_terminal and not out.is_dumb_terminal else PlainLines()


def earlier_state(tailer: Tailer) -> RunState:
    """What a resumed run's events say of earlier workers, but for how those ended."""
    state = RunState()
    while earlier := tailer.poll():
        for event in earlier:
            state.add(event)
    state.ended = None
    return state


def plain_lines(text: str) -> str:
    """Several lines without control characters."""
    return "\n".join(plain(line) for line in text.splitlines())


def heading(run: RunFolder, number: int, of: int) -> str:
    """The run's id, and which one it is of several."""
    return f"run {number} of {of}: {run.id}" if of > 1 else f"run {run.id}"


def latest(state: RunState) -> str:
    """The latest losses, and the validation mAP where there is one."""
    maps = mean_average_precisions(state.validation)
    mean = f"  mAP {sum(maps.values()) / len(maps):.4f}" if maps else ""
    return numbers(state.losses) + mean


def time_left(state: RunState) -> str:
    """`  3 min 20 s left`, empty while nobody can know."""
    seconds = state.seconds_left()
    return "" if seconds is None else f"  {duration(seconds)} left"


def progress_text(state: RunState) -> str:
    """One line on how far the run is: what it is at, losses while it trains, time left."""
    trains = state.progress is None and state.stage is not None and not state.trained
    return activity(state) + (f"  {latest(state)}" if trains else "") + time_left(state)
