"""What the keys do to runs: each action on a thread of its own, errors as notices."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from hashbench.errors import HashbenchError, InputError
from hashbench.launch import actions, spawn
from hashbench.runs import queue, tags
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.tui.format import many
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, tell
from hashbench.tui.screens.dialogs import Ask, Form

ACTION_KEYS: Keys = (
    ("p", "pause", "pause"),
    ("s", "stop", "stop"),
    ("r", "resume", "resume"),
    ("R", "retry", "retry"),
    ("K", "kill", "kill"),
    ("D", "delete", "delete"),
    ("t", "tag", "tag"),
    ("P", "priority", "priority"),
    ("y", "copy id", "copy_id"),
    ("f", "copy path", "copy_path"),
)
ACTION_HELP: Keys = (
    ("p", "pause: running ones wait, waiting ones let others pass; p again goes on", ""),
    ("s", "stop: the worker saves and ends, one in the queue leaves it; r resumes", ""),
    ("r", "resume what was stopped or lost, in turn, from the last checkpoint", ""),
    ("R", "retry what failed, in turn, from the last checkpoint", ""),
    ("K", "kill at once, after a question", ""),
    ("D", "delete the folder, after a question", ""),
    ("t", "name and tags", ""),
    ("P", "priority in the queue: the highest first", ""),
    ("y", "copy the id", ""),
    ("f", "show and copy the folder's path", ""),
)
"""The same keys as sentences, for help."""


class ActingScreen(WorkScreen):
    """A screen with runs to act on: those that `targets` names."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTION_KEYS)

    def targets(self) -> list[str]:
        """The ids that an action is meant for."""
        raise NotImplementedError

    @work(thread=True, group="acting")
    def _act(self, told: str, ids: Sequence[str], action: Callable[[RunFolder], object]) -> None:
        """Does `action` to runs one after another and tells how it went."""
        done = 0
        for run_id in ids:
            try:
                action(self.folder(run_id))
                done += 1
            except HashbenchError as error:
                self.app.call_from_thread(tell, self.bench, error)
            except OSError as error:
                self.app.call_from_thread(
                    self.notify, str(error), title=run_id, severity="error", markup=False
                )
        self.bench.reader.look_now()
        if done:
            self.app.call_from_thread(self.notify, f"{told}: {many(done, 'run')}")

    def _status(self, run_id: str) -> Status | None:
        view = self.bench.views.get(run_id)
        return None if view is None else view.status

    def action_pause(self) -> None:
        """Running ones pause, paused ones go on."""
        ids = self.targets()
        paused = [run for run in ids if self._status(run) is Status.PAUSED]
        if paused:
            self._act("told to go on", paused, self._go_on)
        if running := [run for run in ids if run not in paused]:
            self._act("asked to pause", running, actions.pause)

    def action_stop(self) -> None:
        """The workers save and end."""
        self._act("asked to save and stop", self.targets(), actions.stop)

    def action_resume(self) -> None:
        """Workers for those that were interrupted, as slots get free; paused ones go on."""
        self._act("goes on in its turn", self.targets(), self._go_on)

    def _go_on(self, run: RunFolder) -> None:
        if self._status(run.id) is Status.FAILED:
            raise InputError("failed", where=run.id, remedy="look at its log, then R retries it")
        self._started(run, actions.resume(run, self.bench.data_dir, start=spawn.enqueue))

    def action_retry(self) -> None:
        """Workers for those that failed, as slots get free."""
        self._act("tried again in its turn", self.targets(), self._retry)

    def _retry(self, run: RunFolder) -> None:
        self._started(run, actions.retry(run, self.bench.data_dir, start=spawn.enqueue))

    def _started(self, run: RunFolder, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            self.app.call_from_thread(self.bench.worker_started, run, process)

    def action_kill(self) -> None:
        """Asks, then ends the workers at once."""
        self._ask(
            "Kill without saving?", "Kill", lambda ids: self._act("killed", ids, actions.kill)
        )

    def action_delete(self) -> None:
        """Asks, then removes the folders."""
        self._ask(
            "Delete for good?", "Delete", lambda ids: self._act("deleted", ids, actions.delete)
        )

    def _ask(self, question: str, yes: str, then: Callable[[list[str]], object]) -> None:
        ids = self.targets()
        if not ids:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                then(ids)

        self.app.push_screen(Ask(question, ids, yes), answered)

    def action_tag(self) -> None:
        """Asks for name and tags of one run, or for tags of several."""
        ids = self.targets()
        if not ids:
            return
        view = self.bench.views[ids[0]]
        several = len(ids) > 1
        lines = [] if several else [("name", view.name, "shown in place of method and changes")]
        lines.append(("tags", "" if several else " ".join(view.tags), "words for filters"))

        def filled(found: dict[str, str] | None) -> None:
            if found is not None:
                self._act("tagged", ids, lambda run: self._write_tags(run, found))

        self.app.push_screen(Form("name and tags" if not several else "tags", lines), filled)

    def _write_tags(self, run: RunFolder, found: dict[str, str]) -> None:
        wanted = found["tags"].split()
        if "name" not in found:  # several runs: tags are added, names stay
            before = tags.read(run)
            tags.write(run, before.name, [*before.tags, *wanted])
        else:
            tags.write(run, found["name"], wanted)

    def action_priority(self) -> None:
        """Asks for another priority of runs that wait in the queue."""
        ids = [run for run in self.targets() if self._status(run) is Status.QUEUED]
        if not ids:
            self.notify("only runs that wait in the queue have a priority", severity="warning")
            return
        told = f"the highest first, {queue.PRIORITY_LOW} to {queue.PRIORITY_HIGH}"

        def filled(found: dict[str, str] | None) -> None:
            if found is not None:
                self._act("moved", ids, lambda run: self._prefer(run, found["priority"]))

        self.app.push_screen(Form("place in the queue", [("priority", "0", told)]), filled)

    def _prefer(self, run: RunFolder, text: str) -> None:
        queue.of(self.bench.runs_dir).prefer(run.id, queue.parse_priority(text))

    def action_copy_id(self) -> None:
        """The ids to the clipboard, over ssh and tmux as well where the terminal allows it."""
        self._copy(self.targets(), "id copied")

    def action_copy_path(self) -> None:
        """The folder's path to the clipboard, and shown."""
        self._copy([str(self.folder(run).path.resolve()) for run in self.targets()], "path copied")

    def _copy(self, texts: Sequence[str], told: str) -> None:
        if texts:
            self.app.copy_to_clipboard("\n".join(texts))
            self.notify("\n".join(texts), title=told, timeout=10, markup=False)
