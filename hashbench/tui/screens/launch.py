"""The form of new runs: everything that `hashbench run` takes, made from the cards."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Label, Static

from hashbench.backbones.preflight import check_inputs
from hashbench.errors import HashbenchError, InputError
from hashbench.launch.start_mode import StartMode
from hashbench.plan import catalog, saved_presets
from hashbench.plan.card import MethodCard
from hashbench.plan.command import command_line
from hashbench.plan.request import expand, read_config
from hashbench.plan.run_options import Request
from hashbench.plan.spec import RunSpec
from hashbench.report.text import plain, plural
from hashbench.tui.launch_form import (
    LISTS,
    PRIORITY,
    START,
    form_of,
    grid_text,
    parameter_values,
    preset_texts,
    request_of,
    start_mode_of,
    typed_options,
)
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.screens.dialogs import Confirm, Form
from hashbench.tui.screens.launch_choices import (
    ablation_items,
    dataset_items,
    method_items,
    option_field,
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
        ("ctrl+t", "queue or not", "turn_start"),
        ("ctrl+e", "estimate", "estimate"),
        ("ctrl+o", "presets", "presets"),
        ("ctrl+s", "save preset", "save_preset"),
        ("ctrl+y", "copy command", "copy_command"),
        ("tab", "next", "app.focus_next"),
        ("space", "pick", ""),
        ("ctrl+d", "defaults", "defaults"),
    )
    MORE_KEYS: ClassVar[Keys] = (
        ("ctrl+t", "start in turn, as devices get free, all at once, or on a cluster", ""),
        ("ctrl+e", "measure what the runs will cost: time, disk, memory; about half a minute", ""),
        ("ctrl+o", "presets: a paper's, the built-in, those that you saved; choose, delete", ""),
        ("ctrl+s", "save what stands in the form as a preset", ""),
        ("left right", "turn a value of a few", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._form: LaunchForm = settings.launch
        self._request: Request | None = None
        self._specs: Sequence[RunSpec] = ()
        self._start_mode = StartMode(queue=True)

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
                preset = self._preset_texts()
                for option in typed_options():
                    yield option_field(option, self._form.typed, preset)
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
        picked = self._picks()
        self.query_one("#method", PickList).offer(method_items(), picked.get("method", ()))
        datasets = dataset_items(self.bench.data_dir)
        self.query_one("#dataset", PickList).offer(datasets, picked.get("dataset", ()))
        self._offer_ablations(picked.get("ablate", ()))
        await self._show_params()
        for problem in [*catalog.left_out("method"), *catalog.left_out("dataset")]:
            self.notify(plain(problem), title="left out", severity="warning", markup=False)
        self.query_one("#method").focus()
        self._plan()

    def _picks(self) -> Mapping[str, Sequence[str]]:
        return self._form.picked or {"method": ["soda"], "dataset": ["picturebook"]}

    def _preset_texts(self) -> dict[str, str]:
        return preset_texts(self._picks(), self._form.typed.get("preset", ""), self.bench.data_dir)

    def _methods(self) -> list[MethodCard]:
        picked = self.query_one("#method", PickList).picked
        return [card for name in picked if (card := catalog.find_method(name))]

    def _offer_ablations(self, picked: Sequence[str]) -> None:
        self.query_one("#ablate", PickList).offer(ablation_items(self._methods()), picked)

    async def _show_params(self) -> None:
        """The fields of the picked methods, made from their cards.

        Fields of methods that stay picked are left alone: someone may be typing into them.
        """
        box = self.query_one("#params", Vertical)
        cards = {f"params-{card.name}": card for card in self._methods()}
        preset = self._preset_texts()
        shown = {str(group.id): group for group in box.children}
        for group_id in shown.keys() - cards.keys():
            await shown.pop(group_id).remove()
        for place, (group_id, card) in enumerate(cards.items()):
            if group_id not in shown:
                title = Label(Content(f"parameters of {card.title}"), classes="part")
                typed = self._form.typed
                fields = [param_field(card, param, typed, preset) for param in card.params]
                before = place if place < len(box.children) else None
                group = Vertical(title, *fields, id=group_id, classes="method-params")
                await box.mount(group, before=before)

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
        """What a list has no room for: the whole text of the entry."""
        picks = self.focused
        item = picks.cursor_row if isinstance(picks, PickList) else None
        hint = self.query_one("#hint", Static)
        hint.display = item is not None
        hint.update(Content("" if item is None else f"{item.name}: {item.text}"))

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
        for name in LISTS:
            self._form.picked[name] = self.query_one(f"#{name}", PickList).picked

    def _apply_preset(self) -> None:
        """Fields that nobody changed show the values of the preset that is in force now."""
        preset = self._preset_texts()
        for field in self.query(Field):
            field.rebase(preset.get(field.key, field.default))

    def _plan(self) -> None:
        """Checks everything, and shows what will run, or what is wrong at its place."""
        self._keep()
        self._apply_preset()
        self._keep()  # what was changed may be the preset's value now
        self._specs, self._request = (), None
        fields = {field.key: field for field in self.query(Field)}
        wrong = [field for field in fields.values() if not field.validate()]
        text = ""
        if wrong:
            text = f"✗ {wrong[0].label}: {wrong[0].problem}"
        else:
            try:
                text = self._check(fields)
            except InputError as error:
                self._specs = ()
                text = f"✗ {error.where or ''} {error.problem}".replace("  ", " ")
                field = fields.get(str(error.where or "").lstrip("-").replace("-", "_"))
                if field is not None:
                    field.refuse(error)
        ready = bool(self._specs)
        self.query_one("#plan", Static).update(Content(text))
        self.query_one("#preview").set_class(not ready, "-wrong")
        self.query_one("#command", Static).update(Content(f"$ {self._command()}" if ready else ""))
        button = self.query_one("#launch", Button)
        button.disabled = not ready
        verb = self._start_mode.verb.capitalize()
        button.label = f"{verb} {plural(len(self._specs), 'run')}" if ready else verb

    def _check(self, fields: Mapping[str, Field]) -> str:
        """What will run, in words. Raises InputError for what cannot."""
        self._request = request_of(self._form.picked, self._form.typed, self._params(fields))
        self._specs = expand(self._request, self.bench.data_dir)
        check_inputs(self._specs, self.bench.data_dir, fetch=False)
        self._start_mode = start_mode_of(self._form.typed)
        return grid_text(self._specs)

    def _params(self, fields: Mapping[str, Field]) -> dict[str, str]:
        """The changed parameters of the picked methods, `method.parameter` -> text."""
        keys = [f"{card.name}.{param.name}" for card in self._methods() for param in card.params]
        return {key: fields[key].value for key in keys if key in fields and fields[key].changed}

    def _command(self) -> str:
        if self._request is None:
            return ""
        bench, words = self.bench, [command_line(self._request)]
        words += self._start_mode.words
        for option, path, default in (
            ("--runs-dir", bench.runs_dir, "runs"),
            ("--data-dir", bench.data_dir, "data"),
        ):
            if str(path) != default:
                words.append(f"{option} {shlex.quote(str(path))}")
        return " ".join(words)

    def action_copy_command(self) -> None:
        """The equivalent command to the clipboard."""
        self._plan()  # the last letter's message may still be on its way
        if command := self._command():
            self.app.copy_to_clipboard(command)
            self.notify(command, title="command copied", timeout=10, markup=False)

    def action_turn_start(self) -> None:
        """In turn, all at once, or on a cluster."""
        field = next(field for field in self.query(Field) if field.key == START)
        field.query_one(Choice).action_turn(1)

    def action_estimate(self) -> None:
        """Measures what the runs will cost."""
        self._plan()
        if not self._specs:
            self.notify("nothing to measure: see what is marked ✗", severity="warning")
            return
        from hashbench.tui.screens.estimate import Estimate

        self.app.push_screen(Estimate(self._specs))

    def action_presets(self) -> None:
        """Asks for a preset, and fills the form with it."""
        from hashbench.tui.screens.preset_choice import SAVED, PresetChoice

        def answered(entry: tuple[str, str] | None) -> None:
            if entry is None:
                return
            kind, name = entry
            if kind == SAVED:
                self._fill(name)
            else:
                field = next(field for field in self.query(Field) if field.key == "preset")
                field.take(name)
                self._plan()

        self.app.push_screen(PresetChoice(), answered)

    def _fill(self, name: str) -> None:
        """The form anew, with the values of a saved preset."""
        try:
            values = read_config(saved_presets.path_of(name), self.bench.data_dir)
            form = form_of(values)
        except HashbenchError as error:
            notify_error(self.bench, error)
            return
        for key in (START, PRIORITY):  # how runs start is no part of a preset
            if key in self._form.typed:
                form.typed[key] = self._form.typed[key]
        self._settings.launch = form
        self.bench.save_settings()
        self.app.switch_screen(Launch(self._settings))
        self.bench.notify(f"preset: {name}")

    def action_save_preset(self) -> None:
        """Asks for a name, and saves what stands in the form."""
        self._plan()
        request = self._request
        if request is None or not self._specs:
            self.notify("not saved: see what is marked ✗", severity="warning")
            return

        def save(name: str) -> None:
            values = saved_presets.values_of(request)
            if "set" in values:
                values["set"] = parameter_values(self._methods(), values["set"])
            try:
                path = saved_presets.save(name, values)
            except HashbenchError as error:
                notify_error(self.bench, error)
                return
            self.notify(f"{path}\nhashbench run --config {name}", title="saved", markup=False)

        def named(lines: dict[str, str] | None) -> None:
            name = "" if lines is None else lines["name"].strip()
            if name in saved_presets.names():
                question = Confirm("Replace this preset?", [name], "Replace")
                self.app.push_screen(question, lambda yes: save(name) if yes else None)
            elif name:
                save(name)

        form = Form("save as a preset", [("name", "", "such as my-soda")])
        self.app.push_screen(form, named)

    def action_defaults(self) -> None:
        """Everything but the picks as the cards have it."""
        self._form.typed.clear()
        for field in self.query(Field):
            field.reset()
        self._plan()

    @on(Button.Pressed, "#launch")
    def action_launch(self) -> None:
        """Starts the workers, after a question where they are many."""
        self._plan()
        if not self._specs:
            self.notify("not launched: see what is marked ✗", severity="warning")
            return
        count = len(self._specs)
        mode = self._start_mode
        if mode.queue or mode.destination is not None or count <= MOST_AT_ONCE:
            self._launch(True)
            return
        lines = [f"{count} workers will run at the same time on this machine."]
        question = Confirm(f"Launch {plural(count, 'run')}?", lines, "Launch")
        self.app.push_screen(question, self._launch)

    def _launch(self, yes: bool | None) -> None:
        if yes:
            self.bench.save_settings()
            start = partial(start_runs, self.bench, list(self._specs), self._start_mode)
            self.bench.run_worker(start, thread=True, group="acting")  # it outlives this screen
            self.dismiss()

    def action_leave(self) -> None:
        """Back to the runs; what stands in the form is remembered."""
        self._keep()
        self.bench.save_settings()
        self.dismiss()
