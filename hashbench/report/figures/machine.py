"""The figure of what runs took of their machines: processors, memory and GPU over time."""

from __future__ import annotations

from hashbench.errors import InputError
from hashbench.plan import spec as specs
from hashbench.report.figures.figure import Axis, Figure, Panel, Series
from hashbench.report.figures.groups import groups, run_ids
from hashbench.report.machine_history import read_history
from hashbench.report.rows import Collected
from hashbench.report.run_series import CPU, GPU, HEAT, MEMORY

LABELS = {CPU: "cores busy", MEMORY: "GB", GPU: "per cent", HEAT: "°C, W"}
UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def machine(collected: Collected) -> Figure:
    """A panel for each of processors, memory, GPU load and GPU temperature; a line a run."""
    shown = groups(collected, unfinished=True)
    several = sum(len(group.runs) for group in shown) > 1
    lines: dict[str, list[Series]] = {}
    for group in shown:
        for run in group.runs:
            seed = f" seed {specs.read(run.spec).seed}" if len(group.runs) > 1 else ""
            name = f"{group.name}{seed}"
            for panel, curves in read_history(run.events).machine.items():
                for one in curves:
                    long = f"{name}, {one.name}" if several else one.name
                    lines.setdefault(panel, []).append(Series(long, one.xs, one.ys))
    longest = max((one.xs[-1] for each in lines.values() for one in each if one.xs), default=0.0)
    if not longest:
        raise InputError(
            "nothing was measured of their machines: they are too short, or of an earlier version",
            where="machine",
            remedy="name other runs",
        )
    unit, word = next((unit for unit in UNITS if longest >= 3 * unit[0]), UNITS[-1])
    panels = tuple(
        Panel(
            panel,
            Axis(f"{word} of work"),
            Axis(LABELS[panel]),
            tuple(Series(s.name, tuple(x / unit for x in s.xs), s.ys) for s in lines[panel]),
        )
        for panel in LABELS
        if any(one.xs for one in lines.get(panel, ()))
    )
    return Figure("machine", "what runs took of their machines", panels, (), run_ids(shown))
