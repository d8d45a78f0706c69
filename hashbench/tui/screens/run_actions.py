"""What the keys do to runs: each action on its own thread, errors as notifications.

What acts is imported when it is asked for, since the first frame needs none of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.filesize import decimal
from textual import work
from textual.binding import BindingType

from hashbench.errors import HashbenchError, InputError
from hashbench.report.text import plural
from hashbench.runs import queue, tags, trash
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.screens.dialogs import Confirm, Form

ACTION_KEYS: Keys = (
    ("p", "pause", "pause"),
    ("s", "stop", "stop"),
    ("r", "resume", "resume"),
    ("R", "retry", "retry"),
    ("K", "kill", "kill"),
    ("D", "delete", "delete"),
    ("U", "undo deletion", "undo_delete"),
    ("t", "tag", "tag"),
    ("P", "priority", "priority"),
    ("y", "copy id", "copy_id"),
    ("f", "copy path", "copy_path"),
)
ACTION_HELP: Keys = (
    ("p", "pause: running ones wait, queued ones let others pass; p again continues", ""),
    ("s", "stop: the worker saves and ends, a queued one leaves the queue; r resumes", ""),
    ("r", "resume stopped and lost runs through the queue, from the last checkpoint", ""),
    ("R", "retry failed runs through the queue, from the last checkpoint", ""),
    ("K", "kill at once, after a confirmation", ""),
    ("D", "delete, after a confirmation; folders go to the trash for an hour", ""),
    ("U", "undo the last deletion, as often as there is something in the trash", ""),
    ("t", "name and tags", ""),
    ("P", "priority in the queue: the highest first", ""),
    ("y", "copy the id", ""),
    ("f", "show and copy the folder's path", ""),
)
"""The same keys as sentences, for help."""


class RunActionsScreen(WorkScreen):
    """A screen with actions on the runs that `targets` names."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTION_KEYS, show=False)

    def targets(self) -> list[str]:
        """The ids of the runs to act on."""
        raise NotImplementedError

    @work(thread=True, group="acting")
    def _act(self, verb: str, ids: Sequence[str], action: Callable[[RunFolder], object]) -> None:
        """Does `action` to runs one after another, and reports what was done and what failed."""
        done = 0
        for run_id in ids:
            try:
                action(self.folder(run_id))
                done += 1
            except HashbenchError as error:
                self.app.call_from_thread(notify_error, self.bench, error)
            except OSError as error:
                self.app.call_from_thread(
                    self.notify, str(error), title=run_id, severity="error", markup=False
                )
        self.bench.reader.look_now()
        if done:
            self.app.call_from_thread(self.notify, f"{verb}: {plural(done, 'run')}")

    def _status(self, run_id: str) -> Status | None:
        view = self.bench.views.get(run_id)
        return None if view is None else view.status

    def action_pause(self) -> None:
        """Running ones pause, paused ones continue."""
        from hashbench.launch import actions

        ids = self.targets()
        paused = [run for run in ids if self._status(run) is Status.PAUSED]
        if paused:
            self._act("asked to continue", paused, self._resume)
        if running := [run for run in ids if run not in paused]:
            self._act("asked to pause", running, actions.pause)

    def action_stop(self) -> None:
        """Workers save and end."""
        from hashbench.launch import actions

        self._act("asked to save and stop", self.targets(), actions.stop)

    def action_resume(self) -> None:
        """Interrupted runs go to the queue; paused ones continue."""
        self._act("resumed", self.targets(), self._resume)

    def _resume(self, run: RunFolder) -> None:
        from hashbench.launch import actions

        if self._status(run.id) is Status.FAILED:
            raise InputError("failed", where=run.id, remedy="look at its log, then R retries it")
        self._started(run, actions.resume(run, self.bench.data_dir, start=self.bench.enqueue))

    def action_retry(self) -> None:
        """Failed runs go to the queue."""
        self._act("retried", self.targets(), self._retry)

    def _retry(self, run: RunFolder) -> None:
        from hashbench.launch import actions

        self._started(run, actions.retry(run, self.bench.data_dir, start=self.bench.enqueue))

    def _started(self, run: RunFolder, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None:
            self.app.call_from_thread(self.bench.worker_started, run, process)

    def action_kill(self) -> None:
        """Kills the workers, after a confirmation."""
        from hashbench.launch import actions

        self._confirm(
            "Kill without saving?", "Kill", lambda ids: self._act("killed", ids, actions.kill)
        )

    def action_delete(self) -> None:
        """Moves the folders to the trash, after a confirmation."""
        from hashbench.launch import actions

        at = trash.moment()  # one for all, so that one key has them back
        try:
            minutes = trash.kept_minutes()
        except InputError as error:
            notify_error(self.bench, error)
            return
        self._confirm(
            f"Delete? U undoes it for {minutes:g} min." if minutes else "Delete for good?",
            "Delete",
            lambda ids: self._act("deleted, U undoes", ids, lambda run: actions.delete(run, at)),
        )

    @work(thread=True, group="acting")
    def action_undo_delete(self) -> None:
        """Has back what was deleted last."""
        bench = self.bench
        deleted = trash.entries(bench.runs_dir)
        if not deleted:
            self.app.call_from_thread(
                self.notify, "the trash is empty: nothing to undo", severity="warning"
            )
            return
        restored = trash.newest(deleted)
        try:
            for entry in restored:
                trash.restore(entry)
        except HashbenchError as error:
            self.app.call_from_thread(notify_error, bench, error)
        bench.reader.look_now()
        kept = deleted[: -len(restored)]
        size = decimal(sum(entry.bytes() for entry in kept))
        more = f"; {plural(len(kept), 'run')} more in the trash, {size}" if kept else ""
        text = f"had back: {plural(len(restored), 'run')}{more}"
        self.app.call_from_thread(self.notify, text)

    def _confirm(self, question: str, yes: str, then: Callable[[list[str]], object]) -> None:
        ids = self.targets()
        if not ids:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                then(ids)

        self.app.push_screen(Confirm(question, ids, yes), answered)

    def action_tag(self) -> None:
        """Prompts for the name and tags of one run, or for tags of several."""
        ids = self.targets()
        if not ids:
            return
        view = self.bench.views[ids[0]]
        several = len(ids) > 1
        lines = [] if several else [("name", view.name, "shown in place of method and changes")]
        lines.append(("tags", "" if several else " ".join(view.tags), "words for filters"))

        def submitted(values: dict[str, str] | None) -> None:
            if values is not None:
                self._act("tagged", ids, lambda run: self._write_tags(run, values))

        self.app.push_screen(Form("name and tags" if not several else "tags", lines), submitted)

    def _write_tags(self, run: RunFolder, values: dict[str, str]) -> None:
        words = values["tags"].split()
        if "name" not in values:  # several runs: tags are added, names stay
            present = tags.read(run)
            tags.write(run, present.name, [*present.tags, *words])
        else:
            tags.write(run, values["name"], words)

    def action_priority(self) -> None:
        """Prompts for the priority of queued runs."""
        ids = [run for run in self.targets() if self._status(run) is Status.QUEUED]
        if not ids:
            self.notify("only queued runs have a priority", severity="warning")
            return
        help_text = f"the highest first, {queue.PRIORITY_LOW} to {queue.PRIORITY_HIGH}"

        def submitted(values: dict[str, str] | None) -> None:
            if values is not None:
                self._act("moved", ids, lambda run: self._prefer(run, values["priority"]))

        form = Form("place in the queue", [("priority", "0", help_text)])
        self.app.push_screen(form, submitted)

    def _prefer(self, run: RunFolder, text: str) -> None:
        queue.of(self.bench.runs_dir).prefer(run.id, queue.parse_priority(text))

    def action_copy_id(self) -> None:
        """Copies the ids, over ssh and tmux too where the terminal allows it."""
        self._copy(self.targets(), "id copied")

    def action_copy_path(self) -> None:
        """Copies the folder's path, and shows it."""
        self._copy([str(self.folder(run).path.resolve()) for run in self.targets()], "path copied")

    def _copy(self, texts: Sequence[str], title: str) -> None:
        if texts:
            self.app.copy_to_clipboard("\n".join(texts))
            self.notify("\n".join(texts), title=title, timeout=10, markup=False)
