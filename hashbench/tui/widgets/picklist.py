"""A list to pick several from; a cross marks what is picked, not a colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable


@dataclass(frozen=True)
class Item:
    """One entry: its name, what it is, a note, and the style of the note."""

    name: str
    text: str = ""
    note: str = ""
    note_style: str = "dim"


class PickList(RowTable[Item]):
    """Space, enter or a double click picks and drops; posts Changed.

    Textual's SelectionList draws the same cross in picked and other entries and tells them apart
    by colour alone, and it has no columns.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", "Pick", show=False)]

    class Changed(Message):
        """Something was picked or dropped."""

        def __init__(self, pick_list: PickList) -> None:
            super().__init__()
            self.pick_list = pick_list

        @property
        def control(self) -> PickList:
            return self.pick_list

    def __init__(self, title: str, *, empty: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__((), key=lambda item: item.name, empty=empty, header=False, id=id)
        self.border_title = title
        self._items: Sequence[Item] = ()
        self._picked: set[str] = set()

    @property
    def picked(self) -> list[str]:
        """The picked names, in the order of the list."""
        return [item.name for item in self._items if item.name in self._picked]

    def offer(self, items: Sequence[Item], picked: Iterable[str]) -> None:
        """Other entries; names that are not among them are not picked."""
        self._items = items
        self._picked = {item.name for item in items} & set(picked)
        widest = max((len(item.name) for item in items), default=4)
        noted = max((len(item.note) for item in items), default=0)
        self.set_columns(
            (
                Column("picked", "", 3, self._box),
                Column("name", "name", widest, lambda item: (item.name, "strong")),
                Column(
                    "note", "", max(1, noted), lambda item: (item.note, item.note_style), rank=1
                ),
                Column("text", "", 10, lambda item: (item.text, "dim"), rank=2, grow=True),
            )
        )
        self.show(items)
        if self.picked:
            self.move_to(self.picked[0])

    def _box(self, item: Item) -> tuple[str, str]:
        return ("[x]", "good") if item.name in self._picked else ("[ ]", "")

    def action_select(self) -> None:
        """Picks or drops the entry under the cursor."""
        item = self.cursor_row
        if item is not None:
            self._picked ^= {item.name}
            self.refresh()
            self.post_message(self.Changed(self))
