"""The form of new runs: everything that `hashbench run` takes, made from the cards."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Label, Static

from hashbench.errors import InputError
from hashbench.plan import catalog
from hashbench.plan.card import MethodCard, Value
from hashbench.plan.command import command_line
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec
from hashbench.report.text import plural
from hashbench.tui.launch_form import (
    GENERAL,
    START,
    StartMode,
    grid_text,
    request_of,
    start_mode_of,
)
from hashbench.tui.screens.base import Keys, WorkScreen, bindings
from hashbench.tui.screens.dialogs import Confirm
from hashbench.tui.screens.launch_choices import (
    ablation_items,
    dataset_items,
    method_items,
    param_field,
    start_fields,
)
from hashbench.tui.screens.launch_start import start_runs
from hashbench.tui.settings import LaunchForm, Settings
from hashbench.tui.widgets.field import Choice, Field
from hashbench.tui.widgets.picklist import PickList

MOST_AT_ONCE = 4  # more workers than these are asked about first


class Launch(WorkScreen):
    """Picks at the left, settings at the right, below what will run and the command for it."""

    heading = "new run"
    KEYS: ClassVar[Keys] = (
        ("esc", "back", "leave"),
        ("ctrl+r", "launch", "launch"),
        ("ctrl+t", "queue or not", "queue"),
        ("ctrl+y", "copy command", "copy_command"),
        ("tab", "next", "app.focus_next"),
        ("space", "pick", ""),
        ("ctrl+d", "defaults", "defaults"),
    )
    MORE_KEYS: ClassVar[Keys] = (
        ("ctrl+t", "start in turn, as devices get free, or all at once", ""),
        ("left right", "turn a value of a few", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._form: LaunchForm = settings.launch
        self._request: Request | None = None
        self._specs: Sequence[RunSpec] = ()
        self._manner = StartMode()

    def compose(self) -> ComposeResult:
        """Lists, fields, preview; the fields of methods follow when these are picked."""
        top, keys = self.bars()
        yield top
        with Container(id="form"):
            with Vertical(id="picks"):
                yield PickList("methods", id="method")
                yield PickList("datasets: queries, training items", id="dataset")
                yield PickList(
                    "ablations", empty="the picked methods have no ablations", id="ablate"
                )
            with VerticalScroll(id="fields", can_focus=False):
                yield Label("grid and protocol", classes="part")
                for general in GENERAL:
                    yield Field(
                        general.key,
                        general.key.replace("_", " "),
                        general.default,
                        general.told,
                        check=general.parse,
                        choices=general.choices,
                        value=self._form.typed.get(general.key),
                        placeholder=general.shown_empty,
                    )
                yield Label("start", classes="part")
                yield from start_fields(self._form.typed)
                yield Vertical(id="params")
        with Container(id="preview", classes="box"):
            yield Static(id="hint", markup=False)
            yield Static(id="plan", markup=False)
            yield Static(id="command", markup=False)
            yield Button("Launch", id="launch", variant="primary", compact=True)
        yield keys

    async def on_mount(self) -> None:
        """The lists are filled and what was picked last time is picked again."""
        picked = self._form.picked or {"method": ["soda"], "dataset": ["picturebook"]}
        self.query_one("#method", PickList).offer(method_items(), picked.get("method", ()))
        datasets = dataset_items(self.bench.data_dir)
        self.query_one("#dataset", PickList).offer(datasets, picked.get("dataset", ()))
        self._offer_ablations(picked.get("ablate", ()))
        await self._show_params()
        self.query_one("#method").focus()
        self._plan()

    def _methods(self) -> list[MethodCard]:
        picked = self.query_one("#method", PickList).picked
        return [catalog.methods()[name] for name in picked if name in catalog.methods()]

    def _offer_ablations(self, picked: Sequence[str]) -> None:
        self.query_one("#ablate", PickList).offer(ablation_items(self._methods()), picked)

    async def _show_params(self) -> None:
        """The fields of the picked methods, made from their cards."""
        box = self.query_one("#params", Vertical)
        await box.remove_children()
        fields: list[Widget] = []
        for card in self._methods():
            fields.append(Label(Content(f"parameters of {card.title}"), classes="part"))
            fields += [param_field(card, param, self._form.typed) for param in card.params]
        await box.mount_all(fields)

    @on(PickList.Changed)
    async def _picked(self, event: PickList.Changed) -> None:
        if event.pick_list.id == "method":
            self._offer_ablations(self.query_one("#ablate", PickList).picked)
            self._keep()
            await self._show_params()
        self._plan()

    @on(PickList.RowHighlighted)
    @on(events.DescendantFocus)
    def _hint(self) -> None:
        """What a list has no room for: all that there is to tell of the entry."""
        picks = self.focused
        item = picks.cursor_row if isinstance(picks, PickList) else None
        told = "" if item is None else f"{item.name}: {item.text}"
        hint = self.query_one("#hint", Static)
        hint.display = bool(told)
        hint.update(Content(told))

    @on(Field.Changed)
    def _typed(self) -> None:
        self._plan()

    def _keep(self) -> None:
        """What stands in the form is remembered."""
        for field in self.query(Field):
            if field.changed:
                self._form.typed[field.key] = field.value
            else:
                self._form.typed.pop(field.key, None)
        for name in ("method", "dataset", "ablate"):
            self._form.picked[name] = self.query_one(f"#{name}", PickList).picked

    def _plan(self) -> None:
        """Checks everything, shows what will run, or at its place what is wrong."""
        self._keep()
        self._specs, self._request = (), None
        fields = {field.key: field for field in self.query(Field)}
        wrong = [field for field in fields.values() if not field.validate()]
        told, problem = "", ""
        if wrong:
            problem = f"{wrong[0].label}: {wrong[0].problem}"
        else:
            try:
                self._request = request_of(
                    self._form.picked, self._form.typed, self._params(fields)
                )
                self._specs = expand(self._request, self.bench.data_dir)
                self._check_backbone(self._request)
                self._manner = start_mode_of(self._form.typed)
                told = grid_text(self._specs)
            except InputError as error:
                self._specs = ()
                problem = f"{error.where or ''} {error.problem}".strip()
                field = fields.get(str(error.where or "").lstrip("-").replace("-", "_"))
                if field is not None:
                    field.refuse(error)
        ready = bool(self._specs)
        self.query_one("#plan", Static).update(Content(told or f"✗ {problem}"))
        self.query_one("#preview").set_class(not ready, "-wrong")
        self.query_one("#command", Static).update(Content(f"$ {self._command()}" if ready else ""))
        button = self.query_one("#launch", Button)
        button.disabled = not ready
        verb = "Queue" if self._manner.queued else "Launch"
        button.label = f"{verb} {plural(len(self._specs), 'run')}" if ready else verb

    def _params(self, fields: dict[str, Field]) -> dict[str, Value]:
        found = {}
        for card in self._methods():
            for param in card.params:
                field = fields[f"{card.name}.{param.name}"]
                if field.changed:
                    found[field.key] = param.parse(field.value)
        return found

    def _check_backbone(self, request: Request) -> None:
        """What can be told of a backbone without loading any library of models."""
        from hashbench.backbones import registry

        registry.check_name(request.backbone)
        if request.backbone != registry.BUILTIN and not request.pretrained:
            raise InputError(f"{request.backbone} needs weights", where="--pretrained")

    def _command(self) -> str:
        if self._request is None:
            return ""
        bench, words = self.bench, [command_line(self._request)]
        words += self._manner.options
        for option, path, default in (
            ("--runs-dir", bench.runs_dir, "runs"),
            ("--data-dir", bench.data_dir, "data"),
        ):
            if str(path) != default:
                words.append(f"{option} {shlex.quote(str(path))}")
        return " ".join(words)

    def action_copy_command(self) -> None:
        """The equivalent command to the clipboard."""
        if command := self._command():
            self.app.copy_to_clipboard(command)
            self.notify(command, title="command copied", timeout=10, markup=False)

    def action_queue(self) -> None:
        """In turn, or all at once."""
        field = next(field for field in self.query(Field) if field.key == START)
        field.query_one(Choice).action_turn(1)

    async def action_defaults(self) -> None:
        """Everything but the picks as the cards have it."""
        self._form.typed.clear()
        for field in self.query("#fields > Field").results(Field):
            field.reset()
        await self._show_params()
        self._plan()

    @on(Button.Pressed, "#launch")
    def action_launch(self) -> None:
        """Starts the workers, after a question where they are many."""
        self._plan()
        if not self._specs:
            self.notify("not launched: see what is marked ✗", severity="warning")
            return
        count = len(self._specs)
        if self._manner.queued or count <= MOST_AT_ONCE:
            self._launch(True)
            return
        told = [f"{count} workers will run at the same time on this machine."]
        self.app.push_screen(
            Confirm(f"Launch {plural(count, 'run')}?", told, "Launch"), self._launch
        )

    def _launch(self, yes: bool | None) -> None:
        if yes:
            self.bench.save_settings()
            start = partial(start_runs, self.bench, list(self._specs), self._manner)
            self.bench.run_worker(start, thread=True, group="acting")  # it outlives this screen
            self.dismiss()

    def action_leave(self) -> None:
        """Back to the runs; what stands in the form is remembered."""
        self._keep()
        self.bench.save_settings()
        self.dismiss()
