"""The panels of the dashboard: charts and the log, all at once or one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from hashbench.report.narration import Line
from hashbench.report.run_series import (
    CPU,
    GPU,
    HEAT,
    LOSSES,
    MACHINE_PANELS,
    MEMORY,
    MONITORS,
    RECOVERY,
    SCORES,
    Curve,
)
from hashbench.tui.widgets.chart import Chart, ChartView
from hashbench.tui.widgets.log_view import LogView

LOG = "log"
CHARTS = (LOSSES, SCORES, RECOVERY, MONITORS)
PANELS = (*CHARTS, LOG, *MACHINE_PANELS)
ALWAYS = (LOSSES, SCORES, CPU, MEMORY)
"""Panels that keep their room while they are empty."""
FAR_APART = 100.0  # a ratio of values that one linear scale cannot show
EMPTY = {
    LOSSES: "no losses: nothing is trained, or not yet",
    SCORES: "no validation mAP yet",
    RECOVERY: "no recovered labels: this method recovers none",
    MONITORS: "no monitors: this method watches nothing of itself",
    CPU: "nothing measured during the training yet; X, to time, shows what was before and after",
    MEMORY: "nothing measured during the training yet; X, to time, shows what was before and after",
    GPU: "no GPU: the run trains on the processors, or its driver tells nothing",
    HEAT: "no temperature: the run trains on the processors, or its driver tells nothing",
}
TITLES = {
    CPU: "cpu: cores that the worker keeps busy",
    MEMORY: "memory of the worker and its children",
    GPU: "gpu: load, and share of memory",
    HEAT: "gpu: temperature and power",
}


@dataclass(frozen=True)
class Panels:
    """What the panels show: curves by panel, those of the training or those of the machine, stage
    marks, log lines, how losses are drawn, and how all charts are looked at.
    """

    curves: Mapping[str, Sequence[Curve]] = field(default_factory=dict)
    stages: Sequence[tuple[float, str]] = ()
    lines: Sequence[Line] = ()
    log_scale: bool = False
    smoothing: float = 0.0
    view: ChartView = field(default_factory=ChartView)


class PanelSet(Container):
    """`choose` names the panel that is shown where there is room for only one; the charts of the
    training and those of the machine take turns where there is room for all. Those of the machine
    are made when they are asked for, since the first frame needs none of them.
    """

    def __init__(self, chosen: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.chosen = chosen
        self._of_machine = chosen in MACHINE_PANELS

    def compose(self) -> ComposeResult:
        """A chart for each kind of number, and the log."""
        for name in CHARTS:
            yield Chart(name, empty=EMPTY[name], id=f"panel-{name}", classes="training")
        yield LogView(LOG, id=f"panel-{LOG}")

    def on_mount(self) -> None:
        """One is chosen from the beginning."""
        self.choose(self.chosen)

    @property
    def log_view(self) -> LogView:
        """The log."""
        return self.query_one(LogView)

    @property
    def panel(self) -> Widget:
        """The chosen panel."""
        return self.query_one(f"#panel-{self.chosen}")

    @property
    def charts(self) -> tuple[str, ...]:
        """The charts whose turn it is."""
        return MACHINE_PANELS if self._of_machine else CHARTS

    @property
    def of_machine(self) -> bool:
        """Whether it is the turn of the charts of the machine."""
        return self._of_machine

    @property
    def chart(self) -> Chart:
        """The chosen panel, or the first chart where the log is chosen."""
        name = self.charts[0] if self.chosen == LOG else self.chosen
        return self.query_one(f"#panel-{name}", Chart)

    def choose(self, name: str) -> None:
        """Another panel is the chosen one."""
        self.chosen = name
        if name != LOG:
            self._of_machine = name in MACHINE_PANELS
        if self._of_machine and not self.query(".machine"):
            charts = (
                Chart(TITLES[one], empty=EMPTY[one], id=f"panel-{one}", classes="machine")
                for one in MACHINE_PANELS
            )
            self.mount(*charts, before=self.log_view)
        self.set_class(self._of_machine, "-machine")
        for panel in self.children:
            panel.set_class(panel.id == f"panel-{name}", "-chosen")

    def show(self, panels: Panels) -> None:
        """Other numbers and lines. An empty panel gives its room to others, unless it is chosen."""
        for name in self.charts:
            chart, curves = self.query_one(f"#panel-{name}", Chart), panels.curves.get(name, ())
            losses = name == LOSSES
            chart.show(
                curves,
                panels.stages,
                log=on_log_scale(name, curves, log_scale=panels.log_scale),
                smoothing=panels.smoothing if losses else 0.0,
                view=panels.view,
            )
            chart.set_class(not chart.has_data and name not in ALWAYS, "-empty")
        self.log_view.show(panels.lines)


def on_log_scale(name: str, curves: Sequence[Curve], *, log_scale: bool) -> bool:
    """Losses and monitors where `log_scale`; monitors also where shares meet large counts."""
    if name != MONITORS or log_scale:
        return log_scale and name in (LOSSES, MONITORS)
    values = [abs(y) for curve in curves for y in curve.ys[-1:] if y]
    return bool(values) and max(values) > FAR_APART * min(values)
