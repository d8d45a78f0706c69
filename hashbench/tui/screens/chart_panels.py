"""The panels of the dashboard: what they show, how, and the pinned runs drawn over each other."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from hashbench.report.run_series import LOSSES
from hashbench.tui.run_row import RunView
from hashbench.tui.screens.base import Keys, bindings
from hashbench.tui.screens.panels import Shown, curves_of, lines_of, stages_of
from hashbench.tui.screens.run_actions import RunActionsScreen
from hashbench.tui.settings import Settings
from hashbench.tui.widgets.bars import PageTabs
from hashbench.tui.widgets.log_view import LogView
from hashbench.tui.widgets.panelset import CHARTS, LOG, PANELS, Panels, PanelSet
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_table import RowTable

SMOOTHINGS = (0.0, 0.6, 0.9)
MOST_PINNED = 6

PANEL_KEYS: Keys = (
    ("i", "pin", "pin"),
    ("x", "unpin all", "unpin"),
    ("l", "losses and monitors on a logarithmic scale", "log_scale"),
    ("m", "smooth the losses: off, 0.6, 0.9", "smooth"),
    ("z", "zoom: one panel fills the screen; again, or esc, leaves", "zoom"),
)


class ChartPanelsScreen(RunActionsScreen):
    """A screen with a table of runs and a PanelSet that shows the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(PANEL_KEYS, show=False),
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

    def _save_settings(self) -> None:
        """Writes the settings."""
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
            return  # its curves come at once; panels emptied until then would flicker
        shown: Shown = [(v, watched[v.id]) for v in self._chosen() if v.id in watched]
        current = watched.get(cursor.id) if cursor else None
        self.query_one(PanelSet).show(
            Panels(
                curves={name: curves_of(name, shown) for name in CHARTS} if shown else {},
                stages=stages_of(shown),
                lines=lines_of(current) if current else (),
                log_scale=settings.log_scale,
                smoothing=settings.smoothing,
            )
        )

    def action_pin(self) -> None:
        """Draws the run over whatever is under the cursor, until it is unpinned."""
        cursor, pinned = self.table.cursor_row, self._settings.pinned
        if cursor is None:
            return
        if cursor.id in pinned:
            pinned.remove(cursor.id)
        elif len([run for run in pinned if run in self.bench.views]) >= MOST_PINNED:
            self.notify(f"{MOST_PINNED} runs are pinned; x unpins all", severity="warning")
        else:
            pinned[:] = [run for run in pinned if run in self.bench.views] + [cursor.id]
        self._pins_changed()

    def action_unpin(self) -> None:
        """Unpins all runs."""
        self._settings.pinned.clear()
        self._pins_changed()

    def _pins_changed(self) -> None:
        self._save_settings()
        self.table.refresh()
        self._watch()

    def action_log_scale(self) -> None:
        """Losses and monitors on a logarithmic scale, or not."""
        self._settings.log_scale = not self._settings.log_scale
        self._save_settings()
        self._show_panels()

    def action_smooth(self) -> None:
        """Losses as they are, smoothed, smoothed more."""
        smoothing = self._settings.smoothing
        place = SMOOTHINGS.index(smoothing) if smoothing in SMOOTHINGS else -1
        self._settings.smoothing = SMOOTHINGS[(place + 1) % len(SMOOTHINGS)]
        self._save_settings()
        self._show_panels()

    @on(PageTabs.PageSelected)
    def _page_selected(self, event: PageTabs.PageSelected) -> None:
        self.action_panel(event.name)

    def action_panel(self, name: str) -> None:
        """Chooses the panel that is shown where there is room for one, and that `z` zooms."""
        self._settings.panel = name
        self.query_one(PageTabs).activate(name)
        panels = self.query_one(PanelSet)
        panels.choose(name)
        if name == LOG:
            panels.log_view.focus()
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
    def _search_requested(self) -> None:
        self.query_one(PromptLine).open("search", "", "what to look for in the log")
