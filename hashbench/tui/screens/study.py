"""One study: its question and cost, its runs, and the answer as it fills in.

Everything is asked of `hashbench study` in a process of its own, so that the workbench and the
command line can never answer differently.
"""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Static

from hashbench.errors import HashbenchError, InputError
from hashbench.plan import catalog
from hashbench.report.text import plain, plural
from hashbench.tui.format import BADGES
from hashbench.tui.reader import Update
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error, page_bindings
from hashbench.tui.screens.dialogs import Confirm, Form
from hashbench.tui.screens.figure_export import export_figure
from hashbench.tui.settings import Settings
from hashbench.tui.study_plan import OWN, StudyPlan, StudyRun, check_seeds, plan_of, words_of
from hashbench.tui.subprocesses import run_command
from hashbench.tui.widgets.bars import PageTabs
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.row_columns import CellText, Column
from hashbench.tui.widgets.row_table import RowTable

PAGES = ("plan", "runs", "answer")
TYPING_SECONDS = 0.5  # after a changed option
ANSWER_SECONDS = 4.0  # between two answers while runs finish
FORMS = (".html", ".pdf", ".md", ".json")
NOTHING = "nothing can be said before a run is finished; ctrl+r queues what is missing"

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("ctrl+r", "queue its runs", "queue"),
    ("ctrl+e", "measure cost", "measure"),
    ("ctrl+o", "write report", "report"),
    ("F", "figure", "figure"),
    ("ctrl+y", "copy command", "copy_command"),
)


class StudyScreen(WorkScreen):
    """Three pages: the plan with its options, the runs, the answer."""

    heading = "study"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (
        ("1-3", "page: plan, runs, answer", ""),
        ("left right", "on the plan: the value before, the next value", ""),
        ("ctrl+r", "queue what is missing or failed; call it again after anything", ""),
        ("ctrl+e", "measure a few steps of each kind of run that has not run here", ""),
        ("ctrl+o", "write the report: .html, .pdf, .md or .json", ""),
        ("F", "a figure of its finished runs as .pdf, .svg or .png", ""),
        ("enter", "on a run: open it", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        *page_bindings(PAGES),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__()
        self._study = name
        self._settings = settings
        self._options = settings.studies.setdefault(name, {"quick": "yes"})
        self._page = "plan"
        self._shown: dict[str, Any] | None = None
        self._plan: StudyPlan | None = None
        self._typed: Timer | None = None
        self._answered: tuple[str, ...] | None = None  # the finished runs of the last answer
        self._answer_at = 0.0

    def compose(self) -> ComposeResult:
        """One container a page."""
        top, keys = self.bars()
        yield top
        yield Static(Content(self._study), id="summary", markup=False)
        yield PageTabs(PAGES, self._page)
        with ContentSwitcher(initial="page-plan", id="pages"):
            with VerticalScroll(id="page-plan", can_focus=False):
                yield from self._fields()
                yield Static("reading", id="plan", markup=False)
            with Container(id="page-runs"):
                yield RowTable(_columns(), key=_key, empty="reading", id="study-runs",
                               classes="box")  # fmt: skip
            with VerticalScroll(id="page-answer"):
                yield Static(NOTHING, id="answer", markup=False)
        yield keys

    def _fields(self) -> list[Field]:
        options = self._options
        names = (OWN, *catalog.datasets())
        return [
            Field("dataset", "dataset", OWN, "in place of the study's", check=str,
                  choices=names, value=options.get("dataset")),
            Field("seeds", "seeds", "", "0-4 for five; nothing: those of the study",
                  check=check_seeds, value=options.get("seeds"), placeholder=OWN),
            Field("quick", "quick", "yes", "on built-in data, in minutes", check=str,
                  choices=("yes", "no"), value=options.get("quick")),
        ]  # fmt: skip

    def on_mount(self) -> None:
        """Runs and cost are asked for at once."""
        for field in self.query(Field):
            field.validate()
        self.query_one(Field).query_one("Choice").focus()
        self._read()
        self.set_interval(1.0, self._answer_again)

    def _words(self, verb: str) -> tuple[str, ...]:
        """The command that does this study under the options that are chosen."""
        return ("study", verb, self._study, *words_of(self._options))

    def _folders(self) -> tuple[str, ...]:
        bench = self.bench
        return ("--runs-dir", str(bench.runs_dir), "--data-dir", str(bench.data_dir))

    @on(Field.Changed)
    def _option_changed(self, event: Field.Changed) -> None:
        if event.field.problem:
            return
        self._options[event.field.key] = event.field.value
        self.bench.save_settings()
        if self._typed is not None:
            self._typed.stop()
        self._typed = self.set_timer(TYPING_SECONDS, self._read)

    @work(exclusive=True, group="plan")
    async def _read(self, *, measuring: bool = False) -> None:
        """The plan anew, with a cost that is measured or only known from past runs."""
        text = self.query_one("#plan", Static)
        self._typed = None
        text.update(Content("measuring a few steps of each new kind of run" if measuring else "…"))
        estimate = "--estimate" if measuring else "--no-estimate"
        try:
            answer = await run_command(*self._words("show"), "--json", estimate, *self._folders())
        except HashbenchError as error:
            self._shown = self._plan = None
            problem = f"✗ {error.problem}\n{error.remedy or ''}"
            text.update(Content(plain(problem)))
            self._show_runs()
            return
        self._shown = json.loads(answer)
        self._show_plan()
        self._answered = None
        self._answer_again()

    def _show_plan(self) -> None:
        if self._shown is None:
            return
        self._plan = plan = plan_of(self._shown, self.bench.views)
        lines = [plan.question, f"({plan.source})", ""]
        lines += [f"claim {number}: {claim}" for number, claim in enumerate(plan.claims, 1)]
        lines += ["", plan.counted()]
        if plan.cost:
            unmeasured = "; ctrl+e measures" if "not known" in plan.cost else ""
            lines.append(f"cost: {plan.cost}{unmeasured}")
        lines += [f"cannot run: {plan.problem}"] if plan.problem else []
        due = any(not run.finished for run in plan.runs)
        lines.append("ctrl+r queues what is missing" if due else "3 shows the answer")
        self.query_one("#plan", Static).update(Content("\n".join(lines)))
        self.query_one("#summary", Static).update(Content(f"{self._study}  {plan.counted()}"))
        self._show_runs()

    def _show_runs(self) -> None:
        table = self.query_one("#study-runs", RowTable)
        runs = () if self._plan is None else self._plan.runs
        table.empty = "no runs: see the plan" if self._plan is None else "nothing to train"
        table.border_title = plural(len(runs), "run")
        table.show(runs)

    def runs_changed(self, update: Update) -> None:
        """States of our runs, and an answer when one of them has finished."""
        super().runs_changed(update)
        ours = {run.run for run in self._plan.runs} if self._plan is not None else set()
        if ours & (update.views.keys() | update.gone):
            self._show_plan()

    def _answer_again(self) -> None:
        """Answers anew where other runs are finished, while the answer is looked at."""
        plan = self._plan
        if plan is None or self._page != "answer":
            return
        done = tuple(run.run for run in plan.runs if run.finished)
        if done == self._answered or time.monotonic() < self._answer_at:
            return
        self._answered = done
        if plan.runs and not done:
            self.query_one("#answer", Static).update(Content(NOTHING))
            return
        self._answer()

    @work(exclusive=True, group="answer")
    async def _answer(self) -> None:
        page = self.query_one("#answer", Static)
        if self._answer_at == 0.0:
            page.update(Content("reading the codes of its runs"))
        width = self.query_one("#page-answer").size.width - 3
        try:
            text = await run_command(*self._words("report"), *self._folders(), width=width)
        except HashbenchError as error:
            page.update(Content(plain(f"{error.problem}\n{error.remedy or ''}")))
            return
        finally:
            self._answer_at = time.monotonic() + ANSWER_SECONDS
        page.update(Text.from_ansi(text))

    @on(PageTabs.PageSelected)
    def _page_selected(self, event: PageTabs.PageSelected) -> None:
        self.action_page(event.name)

    def action_page(self, name: str) -> None:
        """Shows another page."""
        self._page = name
        self.query_one(PageTabs).activate(name)
        self.query_one("#pages", ContentSwitcher).current = f"page-{name}"
        if name == "plan":
            self.query_one(Field).query_one("Choice").focus()
        else:
            self.query_one({"runs": "#study-runs", "answer": "#page-answer"}[name]).focus()
        self._answer_again()

    def action_measure(self) -> None:
        """Measures what the runs will cost."""
        self._read(measuring=True)

    def action_queue(self) -> None:
        """Queues what is missing or failed, after a confirmation."""
        plan = self._plan
        if plan is None:
            self.notify("the plan is not read yet, or cannot run: see it", severity="warning")
            return
        due = [run for run in plan.runs if not run.finished]
        if not due:
            self.notify("all of its runs are finished: 3 shows the answer")
            return
        lines = [plan.counted(), plan.cost or "cost not known: ctrl+e measures"]
        question = f"Queue {plural(len(due), 'run')}?"
        self.app.push_screen(Confirm(question, lines, "Queue"), self._queue_answered)

    def _queue_answered(self, yes: bool | None) -> None:
        if yes:
            self._queue()

    @work(group="queue")
    async def _queue(self) -> None:
        self.notify("queueing: files are checked first", timeout=3)
        try:
            await run_command(*self._words("run"), "--queue", "--json", *self._folders())
        except HashbenchError as error:
            notify_error(self.bench, error)
            return
        self.bench.reader.look_now()
        self.notify(f"queued: the runs of {self._study}")
        if self.is_mounted:
            self._read()

    def action_report(self) -> None:
        """Prompts for a file and writes the report into it."""
        help_text = f"a file; {', '.join(FORMS)} choose the format"
        lines = [("file", f"{self._study}.html", help_text)]
        self.app.push_screen(Form("report", lines), self._report_to)

    def _report_to(self, values: dict[str, str] | None) -> None:
        if values is None:
            return
        path = Path(values["file"]).expanduser()
        if path.suffix.lower() not in FORMS:
            problem = f"{path.suffix!r} is no format"
            notify_error(self.bench, InputError(problem, where=path, remedy=", ".join(FORMS)))
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._write(path)

        if path.exists():
            self.app.push_screen(Confirm("Overwrite?", [str(path)], "Overwrite"), answered)
        else:
            answered(yes=True)

    @work(group="report")
    async def _write(self, path: Path) -> None:
        self.notify(f"writing {path.name}", timeout=3, markup=False)
        try:
            await run_command(*self._words("report"), "-o", str(path), *self._folders())
        except HashbenchError as error:
            notify_error(self.bench, error)
            return
        self.notify(str(path.resolve()), title="report written", timeout=10, markup=False)

    def action_figure(self) -> None:
        """Writes a figure of the finished runs."""
        plan = self._plan
        done = [] if plan is None else [run.run for run in plan.runs if run.finished]
        kinds = () if plan is None else plan.figures
        export_figure(self, done, kinds[0] if kinds else "map-over-bits")

    def action_copy_command(self) -> None:
        """Copies the command that runs this study."""
        command = shlex.join(("hashbench", *self._words("run")))
        self.app.copy_to_clipboard(command)
        self.notify(command, title="command copied", timeout=10, markup=False)

    @on(RowTable.RowSelected, "#study-runs")
    def _open(self) -> None:
        one: StudyRun | None = self.query_one("#study-runs", RowTable).cursor_row
        if one is not None and one.run in self.bench.views:
            from hashbench.tui.screens.detail import Detail

            self.app.push_screen(Detail(one.run))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _key(one: StudyRun) -> tuple[str, str]:
    return one.name, one.run


def _columns() -> list[Column[StudyRun]]:
    def state(one: StudyRun) -> CellText:
        known = {str(status): badge for status, badge in BADGES.items()}
        return known.get(one.state, (f"· {one.state}", "dim"))

    return [
        Column("state", "state", 12, state),
        Column("name", "run", 30, lambda one: one.name, grow=True, most=70),
        Column("run", "id", 30, lambda one: (one.run, "dim"), rank=1, grow=True),
    ]
