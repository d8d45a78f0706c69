"""What runs along the x axis of the charts: steps, epochs, or seconds of work.

Curves are kept over steps. The other axes are piecewise linear in them, so that a point, a stretch
and a cursor can be carried from one to another.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hashbench.report.run_series import Curve, Curves
from hashbench.report.text import short_duration

STEP, EPOCH, TIME = "step", "epoch", "time"
AXES = (STEP, EPOCH, TIME)
UNITS = {STEP: "steps", EPOCH: "epochs", TIME: "time"}
MOST_TICKS = 400  # epochs that are marked; no panel has room for more


@dataclass(frozen=True)
class Map:
    """A rising function through points, and beyond them as at their ends; with no more than one
    point the identity.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def __call__(self, x: float) -> float:
        """The value at x."""
        return _interpolated(self.xs, self.ys, x)

    def back(self, y: float) -> float:
        """The x whose value is y."""
        return _interpolated(self.ys, self.xs, y)


def _interpolated(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    if len(xs) < 2:
        return x
    right = min(max(1, bisect_right(xs, x)), len(xs) - 1)
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    return y0 if x1 <= x0 else y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def map_to(curves: Curves, axis: str) -> Map:
    """From the steps of a run to an axis."""
    if axis == TIME:
        return Map(*curves.clock)
    if axis == EPOCH and curves.spans:
        steps, epochs = [0.0], [0.0]
        for span in curves.spans:
            steps.append(steps[-1] + span.steps * span.epochs)
            epochs.append(epochs[-1] + span.epochs)
        return Map(tuple(steps), tuple(epochs))
    return Map((), ())


def on_axis(curves: Curves, axis: str) -> Curves:
    """The curves and marks of a run over another axis."""
    if axis == STEP:
        return curves
    to = map_to(curves, axis)
    return replace(
        curves,
        panels={
            panel: tuple(replace(one, xs=tuple(map(to, one.xs))) for one in lines)
            for panel, lines in curves.panels.items()
        },
        stages=tuple((to(x), name) for x, name in curves.stages),
        marks=tuple(replace(mark, x=to(mark.x)) for mark in curves.marks),
    )


def machine_on_axis(curves: Curves, axis: str) -> Curves:
    """The curves of the machine in place of those of the training, over an axis: over steps and
    epochs only what was measured between the first step and the last.
    """
    if axis == TIME:
        return replace(on_axis(curves, axis), panels=curves.machine)
    steps, seconds = curves.clock
    to = map_to(curves, axis)
    panels: dict[str, tuple[Curve, ...]] = {}
    places: dict[tuple[float, ...], tuple[int, tuple[float, ...]]] = {}
    for panel, lines in curves.machine.items() if len(steps) > 1 else ():
        moved = []
        for one in lines:
            # all lines of a run were measured at the same moments
            if one.xs not in places:
                first, last = bisect_left(one.xs, seconds[0]), bisect_right(one.xs, seconds[-1])
                inside = _interpolated_all(seconds, steps, one.xs[first:last])
                places[one.xs] = first, tuple(map(to, inside))
            first, xs = places[one.xs]
            moved.append(Curve(one.name, xs, one.ys[first : first + len(xs)]))
        panels[panel] = tuple(one for one in moved if one.xs)
    return replace(on_axis(curves, axis), panels=panels)


def _interpolated_all(
    xs: Sequence[float], ys: Sequence[float], rising: Sequence[float]
) -> list[float]:
    """`_interpolated` of many rising places, in one pass."""
    values, right = [], 1
    for x in rising:
        while right < len(xs) - 1 and xs[right] <= x:
            right += 1
        x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
        values.append(y0 if x1 <= x0 else y0 + (x - x0) * (y1 - y0) / (x1 - x0))
    return values


def epoch_ends(curves: Curves, axis: str) -> tuple[float, ...]:
    """Where epochs end, on an axis; none where these are more than any panel can show."""
    if sum(span.epochs for span in curves.spans) > MOST_TICKS:
        return ()
    to, ends, start = map_to(curves, axis), [], 0.0
    for span in curves.spans:
        ends += [to(start + span.steps * number) for number in range(1, span.epochs + 1)]
        start += span.steps * span.epochs
    return tuple(ends)


def place_text(curves: Curves, axis: str, x: float) -> str:
    """A place on an axis in words: `step 120, teacher epoch 9, 1m20`."""
    step = map_to(curves, axis).back(x)
    parts, start = [f"step {max(0, round(step)):,}"], 0.0
    for span in curves.spans:
        end = start + span.steps * span.epochs
        if step <= end or span is curves.spans[-1]:
            epoch = min(span.epochs, max(1, math.ceil((step - start) / span.steps)))
            parts.append(f"{span.name} epoch {epoch}" if span.trained else span.name)
            break
        start = end
    if len(curves.clock[0]) > 1:
        parts.append(short_duration(max(0.0, map_to(curves, TIME)(step))))
    return ", ".join(parts)


def value_at(curve: Curve, x: float) -> float | None:
    """The last value of a curve up to x, None before its first."""
    place = bisect_right(curve.xs, x + 1e-9 * max(1.0, abs(x)))
    return curve.ys[place - 1] if place else None


def clipped(curve: Curve, low: float, high: float) -> Curve:
    """The part of a curve within a stretch, cut where it crosses the edges."""
    xs, ys = curve.xs, curve.ys
    first, last = bisect_left(xs, low), bisect_right(xs, high)
    inside_x, inside_y = list(xs[first:last]), list(ys[first:last])
    if 0 < first < len(xs) and (first == last or xs[first] > low):
        inside_x.insert(0, low)
        inside_y.insert(0, _interpolated(xs, ys, low))
    if 0 < last < len(xs) and (not inside_x or inside_x[-1] < high):
        inside_x.append(high)
        inside_y.append(_interpolated(xs, ys, high))
    return Curve(curve.name, tuple(inside_x), tuple(inside_y))
