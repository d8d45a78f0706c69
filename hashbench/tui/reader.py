"""The one reader of all runs: a thread that looks, folds, and tells the app what changed.

It tells at most ten times a second, and never before the app has taken in what it was told last,
so that a slow terminal makes for fewer messages and not for a queue of them.
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
from hashbench.runs.ended_state import ended_state
from hashbench.runs.layout import RunFolder
from hashbench.tui.run_record import Record, Watched
from hashbench.tui.run_row import RunView
from hashbench.tui.run_tail import Follower, LogFollower

TELL_SECONDS = 0.1
LOADING_SECONDS = 0.4  # between messages while runs are read for the first time
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
    """Reads `runs_dir`. `tell` is called from the reader's thread."""

    def __init__(self, runs_dir: Path, tell: Callable[[Update], object]) -> None:
        self.runs_dir = runs_dir
        self._tell = tell
        self._records: dict[str, Record] = {}
        self._found: set[str] = set()
        self._todo: deque[RunFolder] = deque()
        self.watched: frozenset[str] = frozenset()
        self._told_watched: frozenset[str] = frozenset()
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._line: dict[str, int] = {}
        self._update = Update()
        self._notices: set[str] = set()
        self._told_loading: tuple[int, int] | None = None
        self._next_look = 0.0
        self._looks = -1
        self._names: list[str] | None = None
        self._next_tell = 0.0
        self._taken = threading.Event()
        self._taken.set()
        self._wake = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        """Reads until `close` is called; for a thread of its own."""
        while not self._over.is_set():
            if not self.step():
                self._wake.wait(TELL_SECONDS)
            self._wake.clear()

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
        """One round: look, read, tell. True while there is more to read at once."""
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
            self._line = {run: n for n, run in enumerate(queue.standing(self.runs_dir), start=1)}
        except (OSError, HashbenchError) as error:
            self._notice(f"the queue of {self.runs_dir} cannot be read: {error}")
        for record in list(self._records.values()):
            self._look_at(record)

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
        seen, before = record.stat(), record.seen
        if seen == before and not record.live:
            return
        record.seen = seen
        if before is None or seen.folder != before.folder:
            record.tags = tags.read(record.run)
        if before is not None and seen.events != before.events:
            if record.follower is None:  # it had ended and goes on
                record.follower = Follower(record.run)
            record.follower.caught_up = False
        if record.view is not None:
            self._show(record)  # a worker may have died without a word

    def _load(self, run: RunFolder) -> None:
        if run.id not in self._found:
            return  # vanished while it waited
        record = self._records[run.id] = Record(run)
        try:
            record.spec = specs.read(run.spec)
        except DamagedFileError as error:
            record.problem = error.problem
        self._look_at(record)
        try:
            if (state := ended_state(run.events)) is not None:
                record.state = state
                self._show(record)
            else:
                record.follower = Follower(run)
        except OSError as error:
            self._problem(record, f"events.jsonl cannot be read: {error.strerror}")

    def _refresh_watched(self) -> None:
        """Follows what is watched from its beginning; forgets what neither is nor lives."""
        watched, before = self.watched, self._told_watched
        self._told_watched = watched & self._records.keys()
        for name in self._told_watched:
            record = self._records[name]
            if record.follower is None:
                record.follower = Follower(record.run)
            if record.log is None:
                record.log = LogFollower(record.run.log)
            if name not in before:  # the app may have forgotten it
                self._update.watched[name] = record.watched()
            self._kept[name] = None
            self._kept.move_to_end(name)
        for name in [name for name in self._kept if name not in watched]:
            if len(self._kept) <= KEPT:
                break
            del self._kept[name]
            ended = self._records.get(name)
            if ended is not None and not ended.live:
                ended.follower = ended.log = None

    def _read(self, until: float) -> bool:
        """Reads on in followed runs until the budget is spent; True if some are behind."""
        behind = False
        for name, record in list(self._records.items()):
            follower = record.follower
            if follower is None:
                continue
            watched = name in self.watched
            try:
                grown = watched and record.log is not None and record.log.poll()
                if record.live or not follower.caught_up:
                    grown = self._read_on(record, follower) or grown
            except OSError as error:
                follower.caught_up = True  # until the file changes
                self._problem(record, f"events.jsonl cannot be read: {error.strerror}")
                continue
            if grown and watched:
                self._update.watched[name] = record.watched()
            behind = behind or not follower.caught_up
            if time.monotonic() > until:
                return True
        return behind

    def _read_on(self, record: Record, follower: Follower) -> bool:
        new = follower.poll(CHUNK)
        if follower.caught_up:  # half of a story would show as something that it is not
            record.state = follower.state
            if new or record.view is None:
                self._show(record)
            name = record.run.id
            if not record.live and name not in self.watched and name not in self._kept:
                record.follower = None
        return new

    def _show(self, record: Record) -> None:
        """Makes the run's view anew and tells of it if it changed."""
        if record.renew(self._line.get(record.run.id, 0)) and record.view is not None:
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
        """Tells, if there is something to tell, it is time, and the last was taken in."""
        now = time.monotonic()
        update = self._update
        update.loading = (len(self._records), len(self._found))
        if not self._taken.is_set() or now < self._next_tell:
            return
        if update or update.loading != self._told_loading:
            self._told_loading = update.loading
            self._next_tell = now + (LOADING_SECONDS if self._todo else TELL_SECONDS)
            self._update = Update()
            self._taken.clear()
            self._tell(update)
