"""What writing events costs a step.

    python tests/survival/event_cost.py

Times `EventWriter.write` on the disk of the temporary folder, and the steps of one run, from its
own events.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from hashbench.backbones.openclip_import import open_clip
from hashbench.runs import events, layout
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter
from tests.survival.killing import PATIENCE, fork_worker, wait
from tests.survival.tiny_runs import now, spec_of

EVENTS = 5000
A_SECOND = 50
METHODS = ("soda", "prompthash")


def seconds_an_event(folder: Path) -> list[float]:
    """What each of many loss events took to write."""
    values = dict.fromkeys(("alignment", "pairwise", "quantisation", "total"), 0.123456789)
    taken = []
    with EventWriter(folder / "events.jsonl") as writer:
        for step in range(EVENTS):
            event = events.Loss(stage="hash", epoch=3, step=step, values=values)
            began = time.perf_counter()
            writer.write(event)
            taken.append(time.perf_counter() - began)
    return taken


def seconds_a_step(method: str, folder: Path) -> float:
    """The median step of a tiny run of a method."""
    run = layout.create(folder / "runs", spec_of(method), now())
    if wait(fork_worker(run, folder / "data", None), PATIENCE) != 0:
        raise SystemExit(run.log.read_text()[-2000:])
    logged = read_all(run.events)
    steps = {
        plan.name: plan.steps for event in logged if isinstance(event, events.Planned)
        for plan in event.stages
    }  # fmt: skip
    return statistics.median(
        event.seconds / steps[event.stage]
        for event in logged
        if isinstance(event, events.EpochEnded)
    )


def figures() -> dict[str, float]:
    """Microseconds of an event, milliseconds of a step, and the share of 50 events a second."""
    open_clip()
    importlib.import_module("hashbench.engine.pipeline")
    with tempfile.TemporaryDirectory(prefix="hashbench-events-") as name:
        taken = seconds_an_event(Path(name))
        steps = {method: seconds_a_step(method, Path(name)) for method in METHODS}
    mean = statistics.fmean(taken)
    return {
        "event, mean (us)": round(mean * 1e6, 2),
        "event, 99 of 100 under (us)": round(sorted(taken)[EVENTS * 99 // 100] * 1e6, 2),
        **{f"step of {method} (ms)": round(step * 1e3, 2) for method, step in steps.items()},
        f"share of a step at {A_SECOND} events a second (%)": round(100 * mean * A_SECOND, 4),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(), indent=1) + "\n")
