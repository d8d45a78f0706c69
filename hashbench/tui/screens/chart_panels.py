"""The panels of the dashboard: what they show, how, and the pinned runs drawn over each other."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from hashbench.report.run_series import CPU, LOSSES, Curves
from hashbench.tui.axis import AXES, STEP, machine_on_axis, map_to, on_axis
from hashbench.tui.run_row import RunView
from hashbench.tui.screens.base import Keys, bindings
from hashbench.tui.screens.panels import Shown, curves_of, lines_of, stages_of, view_of
from hashbench.tui.screens.run_actions import RunActionsScreen
from hashbench.tui.settings import Settings
from hashbench.tui.widgets.bars import PageTabs
from hashbench.tui.widgets.chart import Chart
from hashbench.tui.widgets.log_view import LogView
from hashbench.tui.widgets.panelset import LOG, PANELS, Panels, PanelSet
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_table import RowTable

SMOOTHINGS = (0.0, 0.6, 0.9)
MOST_PINNED = 6
MOST_CLOSE = 1000.0  # times that a stretch may be shorter than the whole

PANEL_KEYS: Keys = (
    ("i", "pin", "pin"),
    ("x", "unpin all", "unpin"),
    ("l", "losses and monitors on a logarithmic scale", "log_scale"),
    ("m", "smooth the losses: off, 0.6, 0.9", "smooth"),
    ("z", "zoom: one panel fills the screen; again, or esc, leaves", "zoom"),
    (", .", "cursor over all charts: a column left, right; < > move it by ten; or click", ""),
    ("+ -", "a shorter or longer stretch around the cursor; or the wheel, or drag over it", ""),
    ("X", "x axis: steps, epochs, time of work", "axis"),
    ("h", "history of the machine in place of the training, or back", "machine"),
)


class ChartPanelsScreen(RunActionsScreen):
    """A screen with a table of runs and a PanelSet that shows the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(PANEL_KEYS, show=False),
        Binding("comma", "cursor(-1)", "Cursor left", show=False),
        Binding("full_stop", "cursor(1)", "Cursor right", show=False),
        Binding("less_than_sign", "cursor(-10)", "Cursor far left", show=False),
        Binding("greater_than_sign", "cursor(10)", "Cursor far right", show=False),
        Binding("plus", "closer(1)", "Closer", show=False),
        Binding("minus", "closer(-1)", "Further away", show=False),
        *(
            Binding(str(number), f"panel('{name}')", name, show=False)
            for number, name in enumerate(PANELS, 1)
        ),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._cursor: float | None = None  # in units of the axis, as the stretch that is shown
        self._span: tuple[float, float] | None = None
        if settings.axis not in AXES:
            settings.axis = STEP
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
        found: Shown = [(v, watched[v.id]) for v in self._chosen() if v.id in watched]
        view = view_of(found, settings.axis, self._cursor, self._span)
        shown = [(v, replace(w, curves=self._drawn(w.curves))) for v, w in found]
        current = watched.get(cursor.id) if cursor else None
        panels = self.query_one(PanelSet)
        panels.show(
            Panels(
                curves={name: curves_of(name, shown) for name in panels.charts} if shown else {},
                stages=stages_of(shown),
                lines=lines_of(current) if current else (),
                log_scale=settings.log_scale,
                smoothing=settings.smoothing,
                view=view,
            )
        )

    def _drawn(self, curves: Curves) -> Curves:
        """The curves whose turn it is, over the chosen axis."""
        of_machine = self.query_one(PanelSet).of_machine
        return (machine_on_axis if of_machine else on_axis)(curves, self._settings.axis)

    def action_machine(self) -> None:
        """The history of the machine, or the training."""
        self.action_panel(LOSSES if self.query_one(PanelSet).of_machine else CPU)

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

    def action_axis(self) -> None:
        """Another x axis; cursor and stretch stay at the same steps of the first run."""
        axes, before = (*AXES, STEP), self._settings.axis
        self._settings.axis = axes[axes.index(before) + 1]
        shown = [view for view in self._chosen() if view.id in self.bench.watched]
        if shown:
            curves = self.bench.watched[shown[0].id].curves
            old, new = map_to(curves, before), map_to(curves, self._settings.axis)
            if self._cursor is not None:
                self._cursor = new(old.back(self._cursor))
            if self._span is not None:
                self._span = new(old.back(self._span[0])), new(old.back(self._span[1]))
        self._save_settings()
        self._show_panels()

    def action_cursor(self, by: int) -> None:
        """Moves the cursor by columns; the first time it comes to the middle."""
        chart = self.query_one(PanelSet).chart
        low, high = chart.x_range
        if high <= low:
            return
        start = (low + high) / 2 if self._cursor is None else self._cursor
        moved = start if self._cursor is None else start + by * (high - low) / chart.columns
        self._point(min(high, max(low, moved)))

    def action_closer(self, by: int) -> None:
        """Half of the stretch around the cursor, or twice of it."""
        low, high = self.query_one(PanelSet).chart.x_range
        self._zoom_to((low + high) / 2 if self._cursor is None else self._cursor, by)

    def _zoom_to(self, x: float, by: int) -> None:
        """x stays where it is on the screen."""
        low, high = self.query_one(PanelSet).chart.x_range
        if high <= low:
            return
        share = min(1.0, max(0.0, (x - low) / (high - low)))
        width = (high - low) * 2.0**-by
        self._stretch(x - share * width, x + (1 - share) * width)

    def _stretch(self, low: float, high: float) -> None:
        """Shows a stretch, or everything where it is as long as that."""
        whole = self._whole()
        low, high = max(low, whole[0]), min(high, whole[1])
        least = (whole[1] - whole[0]) / MOST_CLOSE
        if high - low < least:
            return
        self._span = None if (low, high) == whole else (low, high)
        self._show_panels()

    def _whole(self) -> tuple[float, float]:
        """The x range of all that can be shown in the charts."""
        watched = self.bench.watched
        ends = [
            x
            for view in self._chosen()
            if view.id in watched
            for lines in self._drawn(watched[view.id].curves).panels.values()
            for curve in lines
            for x in (*curve.xs[:1], *curve.xs[-1:])
        ]
        return (min(ends), max(ends)) if ends else (0.0, 0.0)

    def _point(self, x: float) -> None:
        """The cursor goes to a place."""
        self._cursor = x
        self._show_panels()

    @on(Chart.Pointed)
    def _pointed(self, event: Chart.Pointed) -> None:
        self._point(event.x)

    @on(Chart.Stretched)
    def _stretched(self, event: Chart.Stretched) -> None:
        self._stretch(event.low, event.high)

    @on(Chart.Wheeled)
    def _wheeled(self, event: Chart.Wheeled) -> None:
        self._zoom_to(event.x, event.by)

    def leave_view(self) -> bool:
        """Without a cursor, then without a stretch; whether there was any."""
        if self._cursor is None and self._span is None:
            return False
        self._cursor, self._span = None, None if self._cursor is None else self._span
        self._show_panels()
        return True

    @on(PageTabs.PageSelected)
    def _page_selected(self, event: PageTabs.PageSelected) -> None:
        self.action_panel(event.name)

    def action_panel(self, name: str) -> None:
        """Chooses the panel that is shown where there is room for one, and that `z` zooms."""
        self._settings.panel = name
        self.query_one(PageTabs).activate(name)
        panels = self.query_one(PanelSet)
        before = panels.of_machine
        panels.choose(name)
        if panels.of_machine != before:
            self._show_panels()
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
