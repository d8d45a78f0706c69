"""One line that asks for words: a filter, or what to search for."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class AskLine(Input):
    """Hidden until `ask`; posts Typed with every letter, and Answered when it closes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    class Typed(Message):
        """The words so far."""

        def __init__(self, what: str, words: str) -> None:
            super().__init__()
            self.what, self.words = what, words

    class Answered(Typed):
        """Enter took the words, or esc left the line, which gives no words."""

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._what = ""

    def ask(self, what: str, words: str, told: str) -> None:
        """Opens the line; `told` stands in it while it is empty."""
        self._what, self.placeholder = what, told
        with self.prevent(Input.Changed):
            self.value = words
        self.add_class("-open")
        self.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self._what, self.value.strip()))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(self.value.strip())

    def action_leave(self) -> None:
        """Closes without words."""
        self._close("")

    def _close(self, words: str) -> None:
        self.remove_class("-open")
        self.post_message(self.Answered(self._what, words))
