"""The form of new runs: everything that `hashbench run` takes, made from the cards."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Label, Static

from hashbench.errors import HashbenchError, InputError
from hashbench.launch import worker
from hashbench.plan import catalog
from hashbench.plan.card import MethodCard, Param, Value
from hashbench.plan.command import command_line
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import create
from hashbench.tui.planning import GENERAL, datasets_here, grid_text, needs, request_of
from hashbench.tui.screens.base import Keys, WorkScreen, tell
from hashbench.tui.screens.dialogs import Ask
from hashbench.tui.settings import LaunchForm, Settings
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.picklist import Item, PickList
from hashbench.tui.words import many

if TYPE_CHECKING:
    from hashbench.tui.app import Workbench

MOST_AT_ONCE = 4  # more workers than these are asked about first


class Launch(WorkScreen):
    """Picks at the left, settings at the right, below what will run and the command for it."""

    heading = "new run"
    KEYS: ClassVar[Keys] = (
        ("ctrl+r", "launch", "launch"),
        ("ctrl+y", "copy command", "copy_command"),
        ("tab", "next", "app.focus_next"),
        ("space", "pick", ""),
        ("ctrl+d", "defaults", "defaults"),
        ("esc", "back", "leave"),
    )
    MORE_KEYS: ClassVar[Keys] = (("left right", "turn a value of a few", ""),)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "launch", "Launch", show=False, priority=True),
        Binding("ctrl+y", "copy_command", "Copy command", show=False, priority=True),
        Binding("ctrl+d", "defaults", "Defaults", show=False, priority=True),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._form: LaunchForm = settings.launch
        self._request: Request | None = None
        self._specs: Sequence[RunSpec] = ()

    def compose(self) -> ComposeResult:
        """Lists, fields, preview; the fields of methods follow when these are picked."""
        top, keys = self.bars()
        yield top
        with Container(id="form"):
            with Vertical(id="picks"):
                yield PickList("methods", id="method")
                yield PickList("datasets", id="dataset")
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
        self.query_one("#method", PickList).offer(_method_items(), picked.get("method", ()))
        self.query_one("#dataset", PickList).offer(self._dataset_items(), picked.get("dataset", ()))
        self._offer_ablations(picked.get("ablate", ()))
        await self._show_params()
        self.query_one("#method").focus()
        self._plan()

    def _dataset_items(self) -> list[Item]:
        items = []
        for name, (card, there) in datasets_here(self.bench.data_dir).items():
            sizes = card.sizes[name]
            note = f"{sizes.query:,} queries, {sizes.train:,} training"
            told = card.summary if there else f"files not found: {card.layout or card.summary}"
            style = "good" if there else "warn"
            items.append(Item(name, told, ("here  " if there else "absent ") + note, style))
        return items

    def _methods(self) -> list[MethodCard]:
        picked = self.query_one("#method", PickList).picked
        return [catalog.methods()[name] for name in picked if name in catalog.methods()]

    def _offer_ablations(self, picked: Sequence[str]) -> None:
        owners: dict[str, list[str]] = {}
        told: dict[str, str] = {}
        for card in self._methods():
            for ablation in card.ablations:
                owners.setdefault(ablation.name, []).append(card.name)
                changes = ", ".join(
                    f"{name} = {value}" for name, value in ablation.settings.items()
                )
                told.setdefault(ablation.name, f"{ablation.help} ({changes})")
        items = [Item(name, told[name], " ".join(owners[name])) for name in owners]
        self.query_one("#ablate", PickList).offer(items, picked)

    async def _show_params(self) -> None:
        """The fields of the picked methods, made from their cards."""
        box = self.query_one("#params", Vertical)
        await box.remove_children()
        fields: list[Widget] = []
        for card in self._methods():
            fields.append(Label(Content(f"parameters of {card.title}"), classes="part"))
            fields += [self._param_field(card, param) for param in card.params]
        await box.mount_all(fields)

    def _param_field(self, card: MethodCard, param: Param) -> Field:
        key = f"{card.name}.{param.name}"
        choices = [_shown(choice) for choice in param.choices]
        if isinstance(param.default, bool):
            choices = ["yes", "no"]
        told = param.help if param.choices or not param.range else f"{param.help}; {param.range}"
        return Field(
            key,
            param.name,
            _shown(param.default),
            told,
            check=param.parse,
            choices=choices,
            value=self._form.typed.get(key),
        )

    @on(PickList.Changed)
    async def _picked(self, event: PickList.Changed) -> None:
        if event.picks.id == "method":
            self._offer_ablations(self.query_one("#ablate", PickList).picked)
            self._keep()
            await self._show_params()
        self._plan()

    @on(PickList.Moved)
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
        button.label = f"Launch {many(len(self._specs), 'run')}" if ready else "Launch"

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
        if count <= MOST_AT_ONCE:
            self._launch(True)
            return
        told = [f"{count} workers will run at the same time on this machine."]
        self.app.push_screen(Ask(f"Launch {many(count, 'run')}?", told, "Launch"), self._launch)

    def _launch(self, yes: bool | None) -> None:
        if yes:
            self.bench.save_settings()
            start = partial(_start, self.bench, list(self._specs))
            self.bench.run_worker(start, thread=True, group="acting")  # it outlives this screen
            self.dismiss()

    def action_leave(self) -> None:
        """Back to the runs; what stands in the form is remembered."""
        self._keep()
        self.bench.save_settings()
        self.dismiss()


def _start(bench: Workbench, specs: Sequence[RunSpec]) -> None:
    """Makes the run folders and starts a worker for each; on a thread of its own."""
    now = datetime.datetime.now().astimezone()
    started = 0
    try:
        for spec in specs:
            run = create(bench.runs_dir, spec, now)
            process = worker.start(run, bench.data_dir)
            bench.call_from_thread(bench.worker_started, run, process)
            started += 1
    except HashbenchError as error:
        bench.call_from_thread(tell, bench, error)
    bench.reader.look_now()
    if started:
        bench.call_from_thread(bench.notify, f"launched: {many(started, 'run')}")


def _method_items() -> list[Item]:
    return [
        Item(card.name, f"{card.summary} {_needs(card)}({card.paper})", str(card.year))
        for card in catalog.methods().values()
    ]


def _needs(card: MethodCard) -> str:
    told = needs(card)
    return f"Needs {told}. " if told else ""


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
