"""One line that prompts for text: a filter, or what to search for."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class PromptLine(Input):
    """Hidden until `open`; posts TextChanged with every letter, and Closed at the end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "done", key_display="enter"),
        Binding("escape", "cancel", "clear", key_display="esc"),
    ]

    class TextChanged(Message):
        """The text so far, and what it is for."""

        def __init__(self, purpose: str, text: str) -> None:
            super().__init__()
            self.purpose, self.text = purpose, text

    class Closed(TextChanged):
        """Enter closed the line with its text, or esc with none."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._purpose = ""

    def open(self, purpose: str, text: str, placeholder: str) -> None:
        """Shows the line with a text to edit."""
        self._purpose, self.placeholder = purpose, placeholder
        with self.prevent(Input.Changed):
            self.value = text
        self.add_class("-open")
        self.focus()

    @on(Input.Changed)
    def _text_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.TextChanged(self._purpose, self.value.strip()))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(self.value.strip())

    def action_cancel(self) -> None:
        """Closes without a text."""
        self._close("")

    def _close(self, text: str) -> None:
        self.remove_class("-open")
        self.post_message(self.Closed(self._purpose, text))
