"""What the reader and the workers of the app tell the screens."""

from __future__ import annotations

from textual.message import Message

from hashbench.tui.reader import Update
from hashbench.tui.system_monitor import Machine


class RunsChanged(Message):
    """Runs changed; sent at most ten times a second, all changes since the last in one."""

    def __init__(self, update: Update) -> None:
        super().__init__()
        self.update = update


class MachineRead(Message):
    """A reading of the machine."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
