"""The guide inside the workbench: the chapters on the left, the chapter's text on the right."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Markdown, OptionList
from textual.widgets.option_list import Option

from hashbench import guide
from hashbench.tui.screens.base import Keys, WorkScreen, bindings

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("n", "next chapter", "turn(1)"),
    ("p", "previous chapter", "turn(-1)"),
    ("tab", "chapters/text", "app.focus_next"),
)


class GuideScreen(WorkScreen):
    """The chapter under the cursor stands on the right; links to chapters open them."""

    heading = "guide"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (("enter", "from the list of chapters to the text", ""),)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._chapters = guide.chapters()

    def compose(self) -> ComposeResult:
        """The list of chapters, and the text in a box that scrolls."""
        top, keys = self.bars()
        yield top
        with Horizontal(id="guide"):
            chapters = OptionList(
                *(Option(Content(chapter.title)) for chapter in self._chapters),
                id="chapters",
                compact=True,
            )
            chapters.border_title = "chapters"
            yield chapters
            with VerticalScroll(id="chapter", classes="box"):
                yield Markdown(id="text", open_links=False)
        yield keys

    def on_mount(self) -> None:
        """The first chapter is open."""
        self.query_one("#chapters").focus()

    @on(OptionList.OptionHighlighted)
    async def _chapter_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        chapter = self._chapters[event.option_index]
        box = self.query_one("#chapter", VerticalScroll)
        box.border_title = chapter.title
        await self.query_one("#text", Markdown).update(chapter.text)
        box.scroll_home(animate=False)

    @on(OptionList.OptionSelected)
    def _chapter_selected(self) -> None:
        self.query_one("#chapter").focus()

    @on(Markdown.LinkClicked)
    def _link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Opens a chapter; an address is shown and copied, since a browser may be far away."""
        file_name = PurePosixPath(event.href.partition("#")[0])
        names = [chapter.name for chapter in self._chapters]
        name = file_name.stem.partition("-")[2]
        if file_name.suffix == ".md" and name in names:
            self.query_one("#chapters", OptionList).highlighted = names.index(name)
            return
        self.app.copy_to_clipboard(event.href)
        self.notify(event.href, title="address copied", timeout=10, markup=False)

    def action_turn(self, by: int) -> None:
        """The next or the previous chapter."""
        chapters = self.query_one("#chapters", OptionList)
        if self._chapters:
            chapters.highlighted = ((chapters.highlighted or 0) + by) % len(self._chapters)

    def action_move(self, by: int) -> None:
        """A line up or down, in the list or in the text."""
        if isinstance(self.focused, VerticalScroll):
            self.focused.scroll_relative(y=by, animate=False)
        else:
            self.action_turn(by)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()
