"""Messages from the app's threads to its message loop."""

from __future__ import annotations

from textual.message import Message

from hashbench.tui.reader import Update
from hashbench.tui.system_monitor import Machine


class RunsChanged(Message):
    """Runs changed: everything since the last message, at most ten times a second."""

    def __init__(self, update: Update) -> None:
        super().__init__()
        self.update = update


class MachineRead(Message):
    """The load of the machine was read."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
