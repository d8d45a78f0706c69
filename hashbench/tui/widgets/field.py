"""One setting of a form: its name, its value, and its help or what is wrong with the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static

from hashbench.errors import InputError

Check = Callable[[str], object]
"""Takes what was typed; raises InputError where it is wrong."""

_MOVES: list[BindingType] = [
    Binding("up", "app.focus_previous", "Field before", show=False),
    Binding("down", "app.focus_next", "Next field", show=False),
]


class TypedValue(Input):
    """An input on one line; up and down leave it."""

    BINDINGS: ClassVar[list[BindingType]] = _MOVES


class Choice(Widget, can_focus=True):
    """One of a few values, turned with left and right or space; posts Turned.

    Textual's Select takes up and down, which move between fields here, needs three keys for the
    next value, and mounts five widgets more for each field.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *_MOVES,
        Binding("left", "turn(-1)", "Value before", show=False),
        Binding("right,space,enter", "turn(1)", "Next value", show=False),
    ]

    class Turned(Message):
        """Another value was chosen."""

        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self, choices: Sequence[str], value: str) -> None:
        super().__init__()
        self._choices = list(choices)
        self.value = value

    def action_turn(self, by: int) -> None:
        """The next value or the one before."""
        here = self._choices.index(self.value) if self.value in self._choices else -by
        self.value = self._choices[(here + by) % len(self._choices)]
        self.refresh()
        self.post_message(self.Turned(self.value))

    def on_click(self, event: events.Click) -> None:  # noqa: ARG002
        """A click turns on."""
        self.action_turn(1)

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        """`◂ value ▸  2 of 5`."""
        place = self._choices.index(self.value) + 1 if self.value in self._choices else 0
        text = f"◂ {self.value or '(empty)'} ▸  {place} of {len(self._choices)}"
        return Strip([Segment(text, self.rich_style)]).adjust_cell_length(
            self.size.width, self.rich_style
        )


class Field(Container):
    """A setting. A value that is not the default is marked `*`, a wrong one is refused in place."""

    class Changed(Message):
        """The value was changed by the person."""

        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    def __init__(
        self,
        key: str,
        name: str,
        default: str,
        hint: str,
        *,
        check: Check,
        choices: Sequence[str] = (),
        suggestions: Sequence[str] = (),
        value: str | None = None,
        placeholder: str = "",
    ) -> None:
        super().__init__(classes="field")
        self.key = key
        self.label = name
        self.default = default
        self.hint = hint
        self.problem = ""
        self._shown = ("", "")
        self._check = check
        start = default if value is None or (choices and value not in choices) else value
        self._validated = start
        suggester = SuggestFromList(suggestions) if suggestions else None
        self._editor: Choice | TypedValue = (
            Choice(choices, start)
            if choices
            else TypedValue(start, compact=True, suggester=suggester, placeholder=placeholder)
        )

    @property
    def value(self) -> str:
        """What stands in the field now, even where the message of the last key is on its way."""
        return self._editor.value

    @property
    def changed(self) -> bool:
        """Whether the value is not the default."""
        return self.value.strip() != self.default

    def compose(self) -> ComposeResult:
        """Name and value side by side, the hint below."""
        yield Static(classes="name")
        yield self._editor
        yield Static(classes="hint")

    def on_mount(self) -> None:
        """A remembered value may no longer be right."""
        self.validate()

    @on(Choice.Turned)
    @on(Input.Changed)
    def _value_changed(self, event: Choice.Turned | Input.Changed) -> None:
        event.stop()
        if self.value != self._validated:
            self.validate()
            self.post_message(self.Changed(self))

    def rebase(self, default: str) -> None:
        """Another default, which a field shows that nobody changed."""
        if default == self.default:
            return
        changed, self.default = self.changed, default
        if changed:
            self.validate()
        else:
            self.reset()

    def reset(self) -> None:
        """The default again."""
        with self.prevent(Input.Changed):
            self._editor.value = self.default
        self._editor.refresh()
        self.validate()

    def take(self, value: str) -> None:
        """A value as if it was typed."""
        self._editor.value = value
        self._editor.refresh()
        self.validate()

    def validate(self) -> bool:
        """Checks the value and shows what is wrong with it, if anything."""
        self._validated = self.value
        try:
            self._check(self.value)
        except InputError as error:
            self.refuse(error)
            return False
        self.refuse(None)
        return True

    def refuse(self, error: InputError | None) -> None:
        """Shows what is wrong, in the place of the hint; None shows the hint again."""
        self.problem = "" if error is None else error.problem
        self.set_class(error is not None, "-wrong")
        self.set_class(self.changed, "-changed")
        if not self.is_mounted:
            return
        text = self.hint
        if self.changed:
            text = f"{text} (default {self.default or 'empty'})"
        if error is not None:
            remedy = f": {error.remedy}" if error.remedy else ""
            text = f"✗ {error.problem}{remedy}"
        name = f"{'*' if self.changed else ' '}{self.label}"
        if (name, text) != self._shown:  # a form has dozens, and checks all with every letter
            self._shown = name, text
            self.query_one(".name", Static).update(Content(name))
            self.query_one(".hint", Static).update(Content(text))
