"""What a run took of its machine, in words and as rows: for `show`, reports and the workbench."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from hashbench.report.run_series import (
    CPU,
    GIB,
    MACHINE_PANELS,
    Curve,
    Curves,
    RunSeries,
)
from hashbench.report.text import duration
from hashbench.runs.events import GpuUse, MachineTotals
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.tailer import Tailer

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 40  # cells of a history in one line

HEADERS = ("measured", "cpu", "memory", "GPU load", "GPU memory", "GPU at most", "energy")


def read_history(path: Path) -> Curves:
    """The curves of a file of events. Raises OSError where it cannot be read."""
    tailer, state, series = Tailer(path), RunState(), RunSeries()
    while fresh := tailer.poll():
        for event in fresh:
            state.add(event)
            series.add(event, state.elapsed)
    return series.curves()


def totals_of(run: RunFolder) -> MachineTotals | None:
    """What a run that has ended took; None where it was not measured or has not ended. Reads the
    end of the events alone.
    """
    state = read_ended_state(run.events)
    return None if state is None or state.ended is None else state.ended.machine


def sentence(totals: MachineTotals) -> str:
    """`1.9 cores busy, 1.4 GB of memory at most, gpu0 91 % busy, 61 of 80 GB at most, ...`."""
    parts = [f"{totals.cpu:.2g} cores busy", f"{_gib(totals.memory)} of memory at most"]
    for gpu in totals.gpus:
        parts += [f"gpu{gpu.index} {part}" for part in _gpu_parts(gpu)]
    if totals.energy is not None:
        parts.append(_energy(totals.energy))
    return f"{', '.join(parts)}; measured for {duration(totals.seconds)}"


def _gpu_parts(gpu: GpuUse) -> list[str]:
    parts = [] if gpu.load is None else [f"{gpu.load:.0%} busy"]
    if gpu.memory is not None:
        of = "" if gpu.total is None else f" of {_gib(gpu.total)}"
        parts.append(f"{_gib(gpu.memory)}{of} at most")
    parts += [] if gpu.temperature is None else [f"{gpu.temperature:.0f} °C at most"]
    parts += [] if gpu.power is None else [f"{gpu.power:.0f} W"]
    return parts


def cells(totals: MachineTotals) -> tuple[str, ...]:
    """One row below HEADERS; what was not measured is a dash."""
    gpus = totals.gpus
    loads = [f"{gpu.load:.0%}" for gpu in gpus if gpu.load is not None]
    memory = [_gib(gpu.memory) for gpu in gpus if gpu.memory is not None]
    heat = [f"{gpu.temperature:.0f} °C" for gpu in gpus if gpu.temperature is not None]
    return (
        duration(totals.seconds),
        f"{totals.cpu:.2g} cores",
        _gib(totals.memory),
        ", ".join(loads) or "-",
        ", ".join(memory) or "-",
        ", ".join(heat) or "-",
        "-" if totals.energy is None else _energy(totals.energy),
    )


def spark_lines(curves: Curves) -> list[tuple[str, str]]:
    """(name, `▁▃▅▇ 0.1 to 1.9 GB`) of each line, over the time of work."""
    lines = []
    for panel in MACHINE_PANELS:
        for curve in curves.machine.get(panel, ()):
            if curve.ys:
                low, high = min(curve.ys), max(curve.ys)
                unit = "" if panel != CPU else " cores"
                name = curve.name if panel != CPU else "cpu"
                name = "memory GB" if name == "GB" else name
                lines.append((name, f"{_spark(curve)}  {low:.3g} to {high:.3g}{unit}"))
    return lines


def _spark(curve: Curve) -> str:
    """Means over SPARKS equal stretches of time, from 0 to the highest value."""
    if not curve.xs:
        return ""
    left, right = curve.xs[0], curve.xs[-1]
    sums: list[list[float]] = [[] for _ in range(min(SPARKS, len(curve.xs)))]
    for x, y in zip(curve.xs, curve.ys, strict=True):
        share = (x - left) / (right - left) if right > left else 0.0
        sums[min(len(sums) - 1, int(share * len(sums)))].append(y)
    most = max(curve.ys) or 1.0
    letters, last = [], 0.0
    for values in sums:
        last = sum(values) / len(values) if values else last
        letters.append(BLOCKS[min(len(BLOCKS) - 1, int(max(0.0, last) / most * len(BLOCKS)))])
    return "".join(letters)


def as_values(totals: MachineTotals, curves: Curves) -> dict[str, Any]:
    """A run's history as plain values: in words, in sums, as lines of blocks, and in full: panel ->
    line -> `seconds` of work and `values`.
    """
    return {
        "sentence": sentence(totals),
        "totals": msgspec.to_builtins(totals),
        "sparks": spark_lines(curves),
        "history": {
            panel: {one.name: {"seconds": one.xs, "values": one.ys} for one in lines}
            for panel, lines in curves.machine.items()
        },
    }


def _gib(value: float) -> str:
    """`1.4 GB`, counted as the top bar of the workbench does."""
    return f"{value / GIB:.1f} GB"


def _energy(joules: float) -> str:
    return f"{joules / 3600:.3g} Wh" if joules < 3.6e6 else f"{joules / 3.6e6:.3g} kWh"
