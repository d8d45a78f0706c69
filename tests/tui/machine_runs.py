"""Recorded runs with a history of their machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from hashbench.runs import events
from hashbench.runs.events import AnyEvent, GpuUse, MachineUse
from hashbench.runs.layout import RunFolder
from tests.tui import fixtures

GIB = 2.0**30


def use(number: int, *, gpu: bool = True) -> MachineUse:
    """Half a second of a worker that fills its memory slowly and keeps its GPU busy."""
    load = 0.7 + 0.25 * math.sin(number / 5)
    of_gpu = GpuUse(0, load, (20 + number / 10) * GIB, 80 * GIB, 55 + number / 8, 300 + 200 * load)
    return MachineUse(
        seconds=0.5,
        measured=0.5 * (number + 1),
        cpu=1.2 + 0.6 * math.cos(number / 7),
        memory=(1 + number / 100) * GIB,
        gpus=(of_gpu,) if gpu else (),
    )


def measured(sequence: Iterable[AnyEvent], *, gpu: bool = True) -> Iterator[AnyEvent]:
    """The events of a run with a measurement after each; it began to be measured before them."""
    for number, event in enumerate(sequence):
        yield event
        yield use(number, gpu=gpu)


def measured_run(runs_dir: Path, minute: int = 1, *, seed: int = 0, gpu: bool = True) -> RunFolder:
    """A finished run that was measured from before its first step until after its last."""
    wanted = fixtures.spec(seed=seed)
    run = fixtures.folder(runs_dir, wanted, minute)
    prepared = [events.Progress(what="features", done=n, total=8) for n in range(1, 9)]
    sequence = [fixtures.started(alive=False), *prepared, *fixtures.training(20, seed=minute)]
    sequence += [events.Note(level="info", text="evaluation") for _ in range(6)]
    fixtures.write_events(run, list(measured(sequence, gpu=gpu)))
    fixtures.finish(run, wanted, 0.8, seed=minute)
    return run
