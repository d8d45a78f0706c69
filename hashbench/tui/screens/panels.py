"""Which curves stand in which panel, for one run or for several drawn over each other."""

from __future__ import annotations

from collections.abc import Sequence

from hashbench.report.narration import Line
from hashbench.report.run_series import LOSSES, SCORES, Curve
from hashbench.tui.run_record import Watched
from hashbench.tui.run_row import RunView, legend_names

RULE = Line("─── worker.log ───", "output")

Shown = Sequence[tuple[RunView, Watched]]


def curves_of(panel: str, shown: Shown) -> tuple[Curve, ...]:
    """The curves of a panel. Of several runs, each is named by its run; of losses, the totals."""
    if len(shown) == 1:
        return shown[0][1].curves.panels.get(panel, ())
    lines: list[Curve] = []
    names = legend_names([view for view, _ in shown])
    for name, (_, watched) in zip(names, shown, strict=True):
        curves = watched.curves.panels.get(panel, ())
        if panel == LOSSES:
            curves = tuple(curve for curve in curves if curve.name.endswith("total")) or curves
        elif panel == SCORES and len(curves) > 2:
            curves = (_mean(curves),)
        lines += [Curve(f"{name} {curve.name}", curve.xs, curve.ys) for curve in curves]
    return tuple(lines)


def stages_of(shown: Shown) -> tuple[tuple[float, str], ...]:
    """Stage marks, of one run alone."""
    return shown[0][1].curves.stages if len(shown) == 1 else ()


def _mean(curves: tuple[Curve, ...]) -> Curve:
    """The mean over directions and bit lengths, where all of them were scored."""
    shared = [curve for curve in curves if curve.xs == curves[0].xs]
    ys = [sum(values) / len(values) for values in zip(*(c.ys for c in shared), strict=True)]
    return Curve("mean", curves[0].xs, tuple(ys))


def lines_of(watched: Watched) -> list[Line]:
    """The events of a run, and what its worker printed."""
    return [*watched.log, *((RULE, *watched.output) if watched.output else ())]
