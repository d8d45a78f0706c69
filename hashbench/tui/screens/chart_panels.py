"""The panels of the dashboard: what they show, how, and the pinned runs laid over each other."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from hashbench.tui.run_row import RunView
from hashbench.tui.screens.base import Keys, bindings
from hashbench.tui.screens.panels import Shown, curves_of, lines_of, stages_of
from hashbench.tui.screens.run_actions import RunActionsScreen
from hashbench.tui.series import LOSSES
from hashbench.tui.settings import Settings
from hashbench.tui.widgets.bars import PageBar
from hashbench.tui.widgets.log_view import LogView
from hashbench.tui.widgets.panelset import CHARTS, LOG, PANELS, Panels, PanelSet
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_table import RowTable

SMOOTHINGS = (0.0, 0.6, 0.9)
MOST_PINNED = 6

PANEL_KEYS: Keys = (
    ("i", "pin", "pin"),
    ("x", "drop all pins", "unpin"),
    ("l", "losses and monitors on a logarithmic scale", "log_scale"),
    ("m", "smooth the losses: not, some, much", "smooth"),
    ("z", "one panel as large as the screen; again, or esc, to leave", "zoom"),
)


class ChartPanelsScreen(RunActionsScreen):
    """A screen with a table of runs and a PanelSet that shows the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(PANEL_KEYS),
        *(
            Binding(str(number), f"panel('{name}')", name, show=False)
            for number, name in enumerate(PANELS, 1)
        ),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        if settings.panel not in PANELS:
            settings.panel = LOSSES

    @property
    def table(self) -> RowTable[RunView]:
        """The table of runs."""
        raise NotImplementedError

    def _remember(self) -> None:
        """Keeps the settings."""
        self.bench.save_settings()

    def _chosen(self) -> list[RunView]:
        """The run under the cursor first, then the pinned ones."""
        views, cursor = self.bench.views, self.table.cursor_row
        ids = dict.fromkeys([*([cursor.id] if cursor else []), *self._settings.pinned])
        return [views[run] for run in ids if run in views]

    def _watch(self) -> None:
        self.bench.reader.watch([view.id for view in self._chosen()])
        self._show_panels()

    def _show_panels(self) -> None:
        watched, settings, cursor = self.bench.watched, self._settings, self.table.cursor_row
        if cursor is not None and cursor.id not in watched:
            return  # its numbers come at once; panels that go and come back would flicker
        shown: Shown = [(v, watched[v.id]) for v in self._chosen() if v.id in watched]
        here = watched.get(cursor.id) if cursor else None
        self.query_one(PanelSet).show(
            Panels(
                curves={name: curves_of(name, shown) for name in CHARTS} if shown else {},
                stages=stages_of(shown),
                lines=lines_of(here) if here else (),
                log_scale=settings.log_scale,
                smoothing=settings.smoothing,
            )
        )

    def action_pin(self) -> None:
        """Lays the run over whatever is chosen, until it is unpinned."""
        cursor, pinned = self.table.cursor_row, self._settings.pinned
        if cursor is None:
            return
        if cursor.id in pinned:
            pinned.remove(cursor.id)
        elif len([run for run in pinned if run in self.bench.views]) >= MOST_PINNED:
            self.notify(f"{MOST_PINNED} runs are pinned; x drops all pins", severity="warning")
        else:
            pinned[:] = [run for run in pinned if run in self.bench.views] + [cursor.id]
        self._pins_changed()

    def action_unpin(self) -> None:
        """Drops all pins."""
        self._settings.pinned.clear()
        self._pins_changed()

    def _pins_changed(self) -> None:
        self._remember()
        self.table.refresh()
        self._watch()

    def action_log_scale(self) -> None:
        """Losses and monitors on a logarithmic scale, or not."""
        self._settings.log_scale = not self._settings.log_scale
        self._remember()
        self._show_panels()

    def action_smooth(self) -> None:
        """Losses as they are, smoothed, smoothed more."""
        here = self._settings.smoothing
        place = SMOOTHINGS.index(here) if here in SMOOTHINGS else -1
        self._settings.smoothing = SMOOTHINGS[(place + 1) % len(SMOOTHINGS)]
        self._remember()
        self._show_panels()

    @on(PageBar.PageSelected)
    def _page(self, event: PageBar.PageSelected) -> None:
        self.action_panel(event.page)

    def action_panel(self, name: str) -> None:
        """One of the panels: shown where only one is, and what `z` makes large."""
        self._settings.panel = name
        self.query_one(PageBar).show(name)
        panels = self.query_one(PanelSet)
        panels.choose(name)
        if name == LOG:
            panels.log_lines.focus()
        elif self.focused is not self.table:
            self.table.focus()
        if self.maximized is not None:
            self.maximize(panels.panel, container=False)

    def action_zoom(self) -> None:
        """The chosen panel fills the screen."""
        if self.maximized is not None:
            self.minimize()
        else:
            self.maximize(self.query_one(PanelSet).panel, container=False)

    @on(LogView.SearchRequested)
    def _search_asked(self) -> None:
        self.query_one(PromptLine).open("search", "", "what to look for in the log")
