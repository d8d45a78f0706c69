"""Following a worker: its events as a live display, as plain lines, or as JSON lines."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
import time
from abc import ABC, abstractmethod

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hashbench.cli.console import console
from hashbench.errors import HashbenchError
from hashbench.launch.spawn import last_log_lines
from hashbench.report.text import duration, plain
from hashbench.runs import control, events
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.tailer import Tailer

POLL_SECONDS = 0.1
LOST_CODE = 5


class Interrupted(HashbenchError):  # noqa: N818  # a request of the user's, not an error
    """The user pressed Ctrl-C. `resumable`: the run that was followed is not over."""

    exit_code = 130

    def __init__(self, *, resumable: bool) -> None:
        super().__init__("interrupted")
        self.resumable = resumable


class Watcher(ABC):
    """Follows workers until they end. Ctrl-C asks the worker to stop, a second one leaves it."""

    def follow(self, run: RunFolder, process: subprocess.Popen[bytes], number: int, of: int) -> int:
        """Shows a run's events until its worker ends; returns the exit code.

        Raises Interrupted when the user stopped it.
        """
        tailer, state = Tailer(run.events), RunState()
        for event in tailer.poll():  # a resumed run: what was before is not shown again
            state.add(event)
        state = resumed(state)
        self.begin(run, number, of)
        asked = False
        try:
            while True:
                try:
                    over = process.poll() is not None
                    for event in tailer.poll():
                        state.add(event)
                        self.show(run, event, state)
                    if over:
                        break
                    time.sleep(POLL_SECONDS)
                except KeyboardInterrupt:
                    if asked:
                        self.say(f"left running: {run.id}")
                        raise Interrupted(resumable=False) from None
                    asked = True
                    control.send(run, "stop")
                    self.say("finishing the step and saving; Ctrl-C again leaves it running")
        finally:
            self.end()
        if state.ended is None:
            self.say(f"the worker ended without a word (exit code {process.returncode})")
            self.say(last_log_lines(run))
            self.say(f"to go on: hashbench resume {run.id}")
            return LOST_CODE
        if asked:
            raise Interrupted(resumable=not isinstance(state.ended, events.Finished))
        return state.ended.code if isinstance(state.ended, events.Failed) else 0

    @abstractmethod
    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """A run begins to be followed."""

    @abstractmethod
    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:
        """An event came; `state` has taken it into account."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Something to tell beside the events."""

    def end(self) -> None:  # noqa: B027  # most have nothing to put away
        """The run is no longer followed."""


class JsonLines(Watcher):
    """One JSON object a line: the event, with the run's id."""

    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """Nothing: `started` will tell."""

    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:  # noqa: ARG002
        """The event as a line on stdout."""
        sys.stdout.write(json.dumps({"run": run.id, **msgspec.to_builtins(event)}) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """On stderr, so that stdout stays JSON."""
        sys.stderr.write(f"{plain_lines(text)}\n")


class PlainLines(Watcher):
    """A line whenever something is worth one: for logs, pipes and terminals without control."""

    EVERY = 5.0

    def __init__(self) -> None:
        self._last = 0.0

    def begin(self, run: RunFolder, number: int, of: int) -> None:
        """Names the run."""
        self.say(headline(run, number, of))

    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:  # noqa: ARG002
        """Stages, scores and failures always; progress every five seconds."""
        match event:
            case events.StageBegan():
                self.say(stage_title(state))
            case events.Note() | events.Failed() | events.Stopped():
                self.say(told(event))
            case events.Finished(seconds=seconds):
                self.say(f"finished in {duration(seconds)}")
            case events.Monitors():
                if state.stages and event.epoch == epochs_of(state, event.stage):
                    self.say("  " + numbers(event.values))
            case events.EpochEnded() | events.Scores(on="validation") | events.Progress():
                if time.monotonic() - self._last >= self.EVERY:
                    self._last = time.monotonic()
                    self.say("  " + standing(state))
            case _:
                pass

    def say(self, text: str) -> None:
        """A line on stdout, folded at the terminal's width."""
        width = shutil.get_terminal_size().columns
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
        self._console.print(plain(headline(run, number, of)), highlight=False, style="bold")
        self._bars = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}", style="dim", markup=False),
            console=self._console,
            refresh_per_second=8,
        )
        self._progress.start()

    def _bar(self, name: str, title: str, done: float, total: float, told: str = "") -> None:
        if self._progress is None:
            return
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(plain(title), total=None, told="")
        self._progress.update(
            self._bars[name], completed=done, total=total or None, told=plain(told)
        )

    def show(self, run: RunFolder, event: AnyEvent, state: RunState) -> None:  # noqa: ARG002
        """Moves bars; sentences are printed above them."""
        match event:
            case events.Progress(what=what, done=done, total=total):
                self._bar(what, what, done, total, f"{done:,} of {total:,}")
            case events.StageBegan(stage=stage):
                self._bar(stage, stage, 0, epochs_of(state, stage))
            case events.Loss(stage=stage, epoch=epoch):
                self._bar(stage, stage, epoch, epochs_of(state, stage), losses(state))
            case events.EpochEnded(stage=stage, epoch=epoch):
                self._bar(stage, stage, epoch + 1, epochs_of(state, stage), losses(state))
            case events.Scores(on="validation", stage=stage, epoch=epoch):
                total = epochs_of(state, stage)
                self._bar(stage, stage, min(epoch + 1, total), total, losses(state))
            case events.Monitors(stage=stage, epoch=epoch, values=values):
                if epoch == epochs_of(state, stage):
                    self.say(f"after {stage}: {numbers(values)}")
            case events.Note() | events.Failed() | events.Stopped():
                self.say(told(event))
            case events.Finished(seconds=seconds):
                self.say(f"finished in {duration(seconds)}")
            case _:
                pass

    def say(self, text: str) -> None:
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
    return LiveDisplay(out) if out.is_terminal and not out.is_dumb_terminal else (PlainLines())


def resumed(state: RunState) -> RunState:
    """The state of a run whose worker has just been started again: it has not ended."""
    state.ended = None
    return state


def plain_lines(text: str) -> str:
    """Several lines without control characters."""
    return "\n".join(plain(line) for line in text.splitlines())


def headline(run: RunFolder, number: int, of: int) -> str:
    """The run's id, and which one it is of several."""
    return f"run {number} of {of}: {run.id}" if of > 1 else f"run {run.id}"


def epochs_of(state: RunState, stage: str) -> int:
    """Planned epochs of a stage."""
    return next((plan.epochs for plan in state.stages if plan.name == stage), 0)


def stage_title(state: RunState) -> str:
    """The stage's title and size."""
    for plan in state.stages:
        if plan.name == state.stage:
            size = f" ({plan.epochs} epochs of {plan.steps} steps)" if plan.epochs else ""
            return plan.title + size
    return f"stage {state.stage}"


def numbers(values: dict[str, float]) -> str:
    """`name 0.1234  other 12`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


def losses(state: RunState) -> str:
    """The latest losses, and the validation mAP where there is one."""
    text = numbers(state.losses)
    if state.validation:
        text += f"  mAP {sum(state.validation.values()) / len(state.validation):.4f}"
    return text


def standing(state: RunState) -> str:
    """One line on where the run stands, with the time left."""
    seconds = state.seconds_left()
    left = "" if seconds is None else f"  {duration(seconds)} left"
    if state.progress is not None:
        return f"{state.progress.what} {state.progress.done:,} of {state.progress.total:,}{left}"
    epoch = f"{state.stage} epoch {state.epoch} of {epochs_of(state, state.stage or '')}"
    return f"{epoch}  {losses(state)}{left}"


def told(event: events.Note | events.Failed | events.Stopped) -> str:
    """A sentence out of an event."""
    match event:
        case events.Note(level=level, text=text):
            return f"warning: {text}" if level == "warning" else text
        case events.Stopped(reason=reason):
            return f"stopped: {reason}; the state is saved"
        case events.Failed(reason=reason, remedy=remedy, detail=detail):
            lines = [f"failed: {reason}"]
            lines += [f"  remedy: {remedy}"] if remedy else []
            lines += [detail] if detail else []
            return "\n".join(lines)
