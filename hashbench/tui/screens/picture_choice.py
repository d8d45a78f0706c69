"""A dialog: a picture of one's own, typed as a path or chosen from folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DirectoryTree, Input, Static

from hashbench.datasets.pictures import FORMATS, IMAGE_SUFFIXES


class PictureTree(DirectoryTree):
    """Folders, and the files in them that are called like pictures; without Textual's emojis, which
    not every terminal draws two cells wide.
    """

    ICON_NODE, ICON_NODE_EXPANDED, ICON_FILE = "▸ ", "▾ ", "  "

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """Leaves out what is hidden and what is no picture by its name."""
        return [
            path
            for path in paths
            if not path.name.startswith(".")
            and (path.suffix.lower() in IMAGE_SUFFIXES or path.is_dir())
        ]


class PictureChoice(ModalScreen[str | None]):
    """Its answer is the path of a file that is there, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("tab,shift+tab", "app.focus_next", show=False),
        Binding("backspace", "up", "Folder above", show=False),
    ]

    def __init__(self, start: Path) -> None:
        super().__init__()
        self._start = start if start.is_dir() else Path()

    def compose(self) -> ComposeResult:
        """A line to type into, folders below it, what is wrong with what was typed."""
        with Vertical(classes="dialog wide") as box:
            box.border_title = "search with a picture of yours"
            box.border_subtitle = "enter takes it, tab: folders, backspace: folder above, esc"
            yield Input(placeholder="path of a picture", compact=True, id="path")
            yield PictureTree(self._start.resolve(), id="tree")
            yield Static(f"Formats: {', '.join(FORMATS)}.", id="problem")

    def on_mount(self) -> None:
        """Typing comes first."""
        self.query_one("#path").focus()

    @on(DirectoryTree.FileSelected)
    def _chosen(self, event: DirectoryTree.FileSelected) -> None:
        self._take(event.path)

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.query_one("#tree").focus()
            return
        try:
            path = Path(event.value.strip()).expanduser()
            if path.is_dir():
                self._open(path)
                return
        except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such home
            path = Path()
        self._take(path)

    def _take(self, path: Path) -> None:
        if path.is_file():
            self.dismiss(str(path.resolve()))
        else:
            text = f"✗ {self.query_one('#path', Input).value}: no such file."
            self.query_one("#problem", Static).update(Content(text))

    def _open(self, folder: Path) -> None:
        tree = self.query_one(PictureTree)
        tree.path = folder.resolve()
        tree.focus()

    def action_up(self) -> None:
        """The folder above the one that is shown."""
        if isinstance(self.focused, DirectoryTree):
            self._open(Path(self.query_one(PictureTree).path).parent)

    def action_cancel(self) -> None:
        """No picture."""
        self.dismiss(None)
