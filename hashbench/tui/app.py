"""The workbench: one reader of all runs, one app, a stack of screens."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar, cast

from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from hashbench.errors import InputError
from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.tui import settings as settings_file
from hashbench.tui.key_order import OrderedKeysApp
from hashbench.tui.messages import MachineRead, RunsChanged
from hashbench.tui.picture_quality import PictureQuality
from hashbench.tui.reader import Reader, Update
from hashbench.tui.run_record import Watched
from hashbench.tui.run_row import RunView
from hashbench.tui.screens.base import WorkScreen, notify_error
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.settings import Settings
from hashbench.tui.system_monitor import Machine, read_machine

MACHINE_SECONDS = 2.0
REAP_SECONDS = 0.5
DEMO_TEXT = (
    "Runs that were recorded are played; nothing trains, and nothing is kept. ? lists the keys."
)
MOST_WATCHED = 24  # runs whose series and lines are kept


class Workbench(OrderedKeysApp):
    """`hashbench tui`. Closing it leaves workers running; all it shows is read from folders."""

    TITLE = "hashbench"
    CSS_PATH = "hashbench.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("f1", "guide", "guide", show=False, priority=True),
        Binding("colon,ctrl+p", "command_palette", "commands", show=False),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - as App declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        runs_dir: Path,
        data_dir: Path,
        *,
        settings_path: Path | None = None,
        demo_speed: float | None = None,
        machine: Callable[[], Machine] | None = read_machine,
        tour: bool = False,
        pictures: PictureQuality = PictureQuality(),  # noqa: B008 - frozen
    ) -> None:
        self.runs_dir, self.data_dir = runs_dir, data_dir
        self.demo_speed = demo_speed  # None unless runs are recorded ones (`hashbench.tui.demo`)
        self.settings_path = settings_path or settings_file.path_for(runs_dir)
        self.settings: Settings = settings_file.load(self.settings_path)
        self.views: dict[str, RunView] = {}
        self.watched: dict[str, Watched] = {}
        self.loading = (0, -1)
        self.reader = Reader(runs_dir, self._publish)
        self.machine: Machine | None = None
        self._read_machine_now = machine
        self._workers_started: list[tuple[RunFolder, subprocess.Popen[bytes]]] = []
        self._warned_unsaved = False
        self._shows_tour, self.pictures = tour, pictures
        super().__init__()

    def get_default_screen(self) -> Screen[None]:
        """The dashboard is where everything begins and returns to."""
        return Dashboard(self.settings)

    @property
    def dashboard(self) -> Dashboard:
        """The screen below all others."""
        return cast("Dashboard", self.screen_stack[0])

    def on_mount(self) -> None:
        """Starts the reader and the system monitor."""
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.theme_changed_signal.subscribe(self, lambda _: self._remember_theme())
        self.run_worker(self.reader.run, thread=True, name="reader", group="reader")
        if self._read_machine_now is not None:
            self._read_machine()
            self.set_interval(MACHINE_SECONDS, self._read_machine)
        self.set_interval(REAP_SECONDS, self._reap)
        self._empty_trash()
        if self.pictures.reason:
            self.notify(self.pictures.reason, severity="warning")
        if self._shows_tour:
            self.save_settings()  # at once: a tour that was seen is not shown again
            self.call_after_refresh(self.action_tour)

    @work(thread=True, group="trash")
    def _empty_trash(self) -> None:
        """Removes for good what was deleted long ago."""
        from hashbench.runs import trash

        try:
            trash.empty(self.runs_dir)
        except InputError as error:  # a wrong number of minutes
            self.call_from_thread(notify_error, self, error)
        if self.demo_speed is not None:
            self.notify(DEMO_TEXT, title="This is a demo", timeout=12)

    def on_unmount(self) -> None:
        """The reader's thread must end before the process can."""
        self.reader.close()
        self.save_settings()

    def _publish(self, update: Update) -> None:
        self.post_message(RunsChanged(update))

    def on_runs_changed(self, event: RunsChanged) -> None:
        """Stores what changed, and hands it to every screen that shows runs."""
        if not self.is_running:
            return  # shutting down: screens have lost their widgets already
        update = event.update
        self.views.update(update.views)
        self._keep_watched(update.watched)
        for run_id in update.gone:
            self.views.pop(run_id, None)
            self.watched.pop(run_id, None)
        self.loading = update.loading
        for text in update.notices:
            self.notify(plain(text), title="Runs folder", severity="warning")
        for screen in self.screen_stack:
            if isinstance(screen, WorkScreen) and screen.is_mounted:
                screen.runs_changed(update)
        # the next update waits until this one is on the screen
        self.call_after_refresh(self.reader.taken)

    def _keep_watched(self, fresh: dict[str, Watched]) -> None:
        """Keeps the series and lines of the watched runs, and of the runs watched last."""
        for name, watched in fresh.items():
            self.watched.pop(name, None)
            self.watched[name] = watched
        spare = [name for name in self.watched if name not in self.reader.watched]
        for name in spare[: max(0, len(self.watched) - MOST_WATCHED)]:
            del self.watched[name]

    @work(thread=True, exclusive=True, group="machine")
    def _read_machine(self) -> None:
        if self._read_machine_now is not None:
            self.post_message(MachineRead(self._read_machine_now()))

    def on_machine_read(self, event: MachineRead) -> None:
        """Shows the load in every top bar."""
        self.machine = event.machine
        if not self.is_running:
            return
        for screen in self.screen_stack:
            if isinstance(screen, WorkScreen) and screen.is_mounted:
                screen.machine_read(event.machine)

    def worker_started(self, run: RunFolder, process: subprocess.Popen[bytes]) -> None:
        """Remembers a worker that this process started, to report it if it dies at once."""
        self._workers_started.append((run, process))

    def enqueue(self, run: RunFolder, data_dir: Path) -> subprocess.Popen[bytes] | None:
        """Starts a run's worker through the queue of this host, or as a cluster's job where the run
        was one; in a demo, what plays it.
        """
        if self.demo_speed is None:
            from hashbench.launch import jobs, spawn  # not needed for the first frame

            return jobs.or_submit(spawn.enqueue)(run, data_dir)
        from hashbench.tui.demo.stage import play_on

        return play_on(run, self.demo_speed)

    def _reap(self) -> None:
        """Collects workers of ours that ended; reports those that died before their first event."""
        for run, process in list(self._workers_started):
            if process.poll() is None:
                continue
            self._workers_started.remove((run, process))
            self.reader.look_now()
            view = self.views.get(run.id)
            if process.returncode and (view is None or view.status is Status.QUEUED):
                from hashbench.launch.spawn import last_log_lines

                last_line = plain(last_log_lines(run, 1)) or "its log is empty"
                self.notify(
                    f"{run.id}: {last_line}",
                    title=f"The worker ended with code {process.returncode}",
                    severity="error",
                    timeout=20,
                )

    def _remember_theme(self) -> None:
        if self.settings.theme != self.theme:
            self.settings.theme = self.theme
            self.save_settings()

    def save_settings(self) -> None:
        """Writes the settings; warns once where they cannot be written."""
        try:
            settings_file.save(self.settings_path, self.settings)
        except OSError as error:
            if not self._warned_unsaved and self.is_running:
                self._warned_unsaved = True
                self.notify(
                    f"{self.settings_path}: {error.strerror}",
                    title="Filters and pins cannot be remembered",
                    severity="warning",
                )

    def action_help(self) -> None:
        """All keys of the screen."""
        from hashbench.tui.screens.dialogs import Help

        screen = self.screen
        if isinstance(screen, WorkScreen):
            self.push_screen(Help(screen.heading, screen.KEYS, screen.MORE_KEYS))

    def action_tour(self) -> None:
        """The page of the first start."""
        from hashbench.tui.screens.tour import Tour

        self.push_screen(Tour(self.runs_dir))

    def action_guide(self) -> None:
        """Opens the guide, but not over a dialog, which waits for an answer."""
        from hashbench.tui.screens.guide import GuideScreen

        if isinstance(self.screen, WorkScreen) and not isinstance(self.screen, GuideScreen):
            self.push_screen(GuideScreen())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every key of the screen by what it does, and Textual's own."""
        if isinstance(screen, WorkScreen):
            for command in screen.commands():
                yield SystemCommand(*command)
        yield from super().get_system_commands(screen)
