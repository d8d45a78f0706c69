"""Which curves stand in which panel, for one run or for several drawn over each other."""

from __future__ import annotations

from collections.abc import Sequence

from hashbench.tui.event_log import OUTPUT, Line
from hashbench.tui.run_record import Watched
from hashbench.tui.run_row import RunView
from hashbench.tui.series import LOSSES, SCORES, Curve

RULE = Line("─── worker.log ───", OUTPUT)

Shown = Sequence[tuple[RunView, Watched]]


def curves_of(panel: str, shown: Shown) -> tuple[Curve, ...]:
    """The curves of a panel. Of several runs, each is named by its run; of losses, the totals."""
    if len(shown) == 1:
        return shown[0][1].curves.panels.get(panel, ())
    all_curves: list[Curve] = []
    for view, watched in shown:
        curves = watched.curves.panels.get(panel, ())
        if panel == LOSSES:
            curves = tuple(curve for curve in curves if curve.name.endswith("total")) or curves
        elif panel == SCORES and len(curves) > 2:
            curves = (_mean(curves),)
        all_curves += [Curve(f"{short(view)} {curve.name}", curve.xs, curve.ys) for curve in curves]
    return tuple(all_curves)


def stages_of(shown: Shown) -> tuple[tuple[float, str], ...]:
    """Stage marks, of one run alone."""
    return shown[0][1].curves.stages if len(shown) == 1 else ()


def short(view: RunView) -> str:
    """A run's name in a legend."""
    return view.name or f"{view.method} {view.bits}b s{view.seed}"


def _mean(curves: tuple[Curve, ...]) -> Curve:
    """The mean over directions and bit lengths, where all of them were scored."""
    shared = [curve for curve in curves if curve.xs == curves[0].xs]
    ys = [sum(values) / len(values) for values in zip(*(c.ys for c in shared), strict=True)]
    return Curve("mean", curves[0].xs, tuple(ys))


def lines_of(watched: Watched) -> list[Line]:
    """The events of a run as lines, and what its worker printed."""
    return [*watched.story, *((RULE, *watched.log) if watched.log else ())]
