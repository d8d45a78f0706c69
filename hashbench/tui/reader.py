"""The one reader of all runs: a thread that looks, folds, and publishes what changed to the app.

It publishes at most ten times a second, and never before the app has taken in the last update, so
that a slow terminal makes for fewer messages and not for a queue of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.errors import DamagedFileError, HashbenchError
from hashbench.plan import spec as specs
from hashbench.runs import layout, queue, tags
from hashbench.runs.index import Index, Summary, describe
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.status import LIVE, RunStatus, status, status_of
from hashbench.tui.run_record import Record, Watched
from hashbench.tui.run_row import RunView
from hashbench.tui.run_tail import OutputTail, RunTail

PUBLISH_SECONDS = 0.1
LOADING_SECONDS = 0.4  # between updates while runs are read for the first time
LOOKS_A_FIND = 5
LOOK_SECONDS = 1.0  # folders, liveness of workers, files of runs that had ended
BUDGET_SECONDS = 0.05  # of work a step, so that the app's thread gets its turn
CHUNK = 1 << 18
KEPT = 16  # watched runs that do not live keep their series until so many others were watched


@dataclass
class Update:
    """What changed since the last update. `loading` is (runs read, runs found)."""

    views: dict[str, RunView] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    watched: dict[str, Watched] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    loading: tuple[int, int] = (0, 0)

    def __bool__(self) -> bool:
        return bool(self.views or self.gone or self.watched or self.notices)


class Reader:
    """Reads `runs_dir`. `publish` is called from the reader's thread."""

    def __init__(self, runs_dir: Path, publish: Callable[[Update], object]) -> None:
        self.runs_dir = runs_dir
        self._send = publish
        self._index: Index | None = None  # read when the thread begins
        self._records: dict[str, Record] = {}
        self._found: set[str] = set()
        self._todo: deque[RunFolder] = deque()
        self.watched: frozenset[str] = frozenset()
        self._watched_before: frozenset[str] = frozenset()
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._positions: dict[str, int] = {}
        self._update = Update()
        self._notices: set[str] = set()
        self._published_loading: tuple[int, int] | None = None
        self._next_look = 0.0
        self._looks = -1
        self._names: list[str] | None = None
        self._published_at = float("-inf")
        self._taken = threading.Event()
        self._taken.set()
        self._wake = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        """Reads until `close` is called; for a thread of its own."""
        while not self._over.is_set():
            if not self.step():
                self._wake.wait(self._pause())
            self._wake.clear()

    def _pause(self) -> float:
        """Seconds until there is something to do: where no run lives, nothing grows, and the next
        look is soon enough.
        """
        waiting = bool(self._update) or not self._taken.is_set()
        waiting = waiting or any(record.live for record in self._records.values())
        return (
            PUBLISH_SECONDS if waiting else max(PUBLISH_SECONDS, self._next_look - time.monotonic())
        )

    def close(self) -> None:
        """Ends `run`."""
        self._over.set()
        self._wake.set()

    def watch(self, ids: Iterable[str]) -> None:
        """Whose series and lines are wanted; they come with the next update."""
        self.watched = frozenset(ids)
        self._wake.set()

    def taken(self) -> None:
        """The app has taken in the last update."""
        self._taken.set()

    def look_now(self) -> None:
        """Something was done to the folder: look without waiting."""
        self._names = None
        self._next_look = 0.0
        self._wake.set()

    def step(self) -> bool:
        """One round: look, read, publish. True while there is more to read at once."""
        began = time.monotonic()
        if began >= self._next_look:
            self._next_look = began + LOOK_SECONDS
            self._look()
        self._refresh_watched()
        while self._todo and time.monotonic() < began + BUDGET_SECONDS:
            self._load(self._todo.popleft())
        busy = self._read(time.monotonic() + BUDGET_SECONDS)
        self._publish()
        return bool(self._todo) or busy

    def _look(self) -> None:
        """New folders, vanished folders, dead workers, files that changed under ended runs."""
        try:
            self._find()
        except OSError as error:
            self._notice(f"{self.runs_dir} cannot be read: {error.strerror}")
            return
        try:
            self._positions = queue.positions(self.runs_dir)
        except (OSError, HashbenchError) as error:
            self._notice(f"the queue of {self.runs_dir} cannot be read: {error}")
        for record in list(self._records.values()):
            self._look_at(record)
        if self._index is not None and not self._todo:
            self._index.save(self._found)

    def _find(self) -> None:
        """Looks into folders only when their names changed, or now and then: a folder may get its
        spec after it was seen.
        """
        try:
            names = os.listdir(self.runs_dir)  # noqa: PTH208 - names are what is compared
        except (FileNotFoundError, NotADirectoryError):
            names = []
            if self._found:
                self._notice(f"{self.runs_dir} is gone")
        self._looks += 1
        if names == self._names and self._looks % LOOKS_A_FIND:
            return
        self._names = names
        folders = layout.find(self.runs_dir)
        here = {run.id for run in folders}
        for gone in self._found - here:
            self._records.pop(gone, None)
            self._kept.pop(gone, None)
            self._update.views.pop(gone, None)
            self._update.watched.pop(gone, None)
            self._update.gone.add(gone)
        self._todo.extend(run for run in reversed(folders) if run.id not in self._found)
        self._found = here

    def _look_at(self, record: Record) -> None:
        """Reads again what changed on disk, and whether a worker still lives."""
        stamp, before = record.current_stamp(), record.stamp
        if stamp == before and not record.live:
            return
        record.stamp = stamp
        if before is not None and stamp != before:
            if stamp.spec != before.spec:
                self._read_spec(record)
            if stamp.folder != before.folder:
                record.tags = tags.read(record.run)
            if (stamp.events, stamp.size) != (before.events, before.size):
                if record.tail is None:  # it had ended and goes on
                    record.tail = RunTail(record.run)
                record.tail.caught_up = False
            elif record.tail is None:  # its result may be gone, or there
                record.ended = status(record.run, self._positions)
        self._show(record)

    def _read_spec(self, record: Record) -> None:
        try:
            record.spec = specs.read(record.run.spec)
        except DamagedFileError as error:
            record.problem = error.problem

    def _load(self, run: RunFolder) -> None:
        """Reads a run for the first time: from the index, from head and tail, or all of it."""
        if run.id not in self._found:
            return  # vanished while it waited
        if self._index is None:
            self._index = Index(self.runs_dir)
        record = self._records[run.id] = Record(run)
        record.stamp = record.current_stamp()
        summary = self._index.get(run.id, record.stamp)
        if summary is None:
            try:
                state = read_ended_state(run.events)
            except OSError as error:
                record.take(describe(run, RunStatus(state=Status.LOST)))
                self._problem(record, f"events.jsonl cannot be read: {error.strerror}")
                return
            if state is None:  # only a reader of all events can tell
                record.take(describe(run, RunStatus(state=Status.QUEUED)))
                record.ended, record.tail = None, RunTail(run)
                return
            summary = describe(run, status_of(run, state, self._positions))
            self._index.put(run.id, record.stamp, summary)
        record.take(summary)
        self._show(record)

    def _refresh_watched(self) -> None:
        """Follows what is watched from its beginning; forgets what neither is nor lives."""
        watched, before = self.watched, self._watched_before
        self._watched_before = watched & self._records.keys()
        for name in self._watched_before:
            record = self._records[name]
            if record.tail is None:
                record.tail = RunTail(record.run)
            if record.output is None:
                record.output = OutputTail(record.run.log)
            if name not in before:  # the app may have forgotten it
                self._update.watched[name] = record.watched()
            self._kept[name] = None
            self._kept.move_to_end(name)
        for name in [name for name in self._kept if name not in watched]:
            if len(self._kept) <= KEPT:
                break
            del self._kept[name]
            spare = self._records.get(name)
            if spare is not None and not spare.live:
                self._forget_events(spare)

    def _forget_events(self, record: Record) -> None:
        """Keeps only the status of a run that has ended."""
        tail = record.tail
        record.output = None
        if tail is None or not tail.caught_up:
            return
        record.ended = status_of(record.run, tail.state, self._positions)
        if record.ended.state in LIVE:
            return
        record.tail = None
        if self._index is not None and record.stamp is not None and not tail.skipped:
            summary = Summary(record.spec, record.tags, record.ended, record.problem)
            self._index.put(record.run.id, record.stamp, summary)

    def _read(self, until: float) -> bool:
        """Reads on in followed runs until the budget is spent; True if some are behind."""
        behind = False
        for name, record in list(self._records.items()):
            tail = record.tail
            if tail is None:
                continue
            watched = name in self.watched
            try:
                grown = watched and record.output is not None and record.output.poll()
                if record.live or not tail.caught_up:
                    grown = self._read_on(record, tail) or grown
            except OSError as error:
                tail.caught_up = True  # until the file changes
                self._problem(record, f"events.jsonl cannot be read: {error.strerror}")
                continue
            if grown and watched:
                self._update.watched[name] = record.watched()
            behind = behind or not tail.caught_up
            if time.monotonic() > until:
                return True
        return behind

    def _read_on(self, record: Record, tail: RunTail) -> bool:
        new = tail.poll(CHUNK)
        if tail.caught_up:  # half of the events would show as something that the run is not
            if new or record.view is None:
                self._show(record)
            name = record.run.id
            if not record.live and name not in self.watched and name not in self._kept:
                self._forget_events(record)
        return new

    def _show(self, record: Record) -> None:
        """Makes the run's view anew and publishes it if it changed."""
        if record.renew(self._positions) and record.view is not None:
            self._update.views[record.run.id] = record.view

    def _problem(self, record: Record, text: str) -> None:
        if record.problem != text:
            record.problem = text
            self._show(record)

    def _notice(self, text: str) -> None:
        if text not in self._notices:
            self._notices.add(text)
            self._update.notices.append(text)

    def _publish(self) -> None:
        """Sends the update, if there is one, it is time, and the last was taken in."""
        now = time.monotonic()
        update = self._update
        update.loading = (len(self._records), len(self._found))
        pause = LOADING_SECONDS if self._todo else PUBLISH_SECONDS
        if not self._taken.is_set() or now < self._published_at + pause:
            return
        if update or update.loading != self._published_loading:
            self._published_loading = update.loading
            self._published_at = now
            self._update = Update()
            self._taken.clear()
            self._send(update)
