"""Short runs on the small built-in dataset, in this process and without a queue."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from hashbench.engine.pipeline import work
from hashbench.errors import StopAskedError
from hashbench.plan.request import expand
from hashbench.plan.run_options import request
from hashbench.runs import control, layout
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.writer import EventWriter

DATASET, BITS = "picturebook-tiny", 16


class _Interrupted(Exception):  # noqa: N818  # no error: a test ends the work here on purpose
    """The work ended as if its process had been killed."""


class _StoppingWriter(EventWriter):
    """Ends the work at the first event for which `stop` is true: by the request to stop where
    steps follow that read it, and with an exception after the last one.
    """

    def __init__(self, run: RunFolder, stop: Callable[[AnyEvent], str]) -> None:
        super().__init__(run.events)
        self._run, self._stop = run, stop

    def write(self, event: AnyEvent) -> None:
        """As EventWriter; then what `stop` asks for: "", "stop" or "kill"."""
        super().write(event)
        match self._stop(event):
            case "stop":
                control.send(self._run, "stop")
            case "kill":
                raise _Interrupted


def make(runs_dir: Path, **values: Any) -> RunFolder:
    """A new run folder of a small request. Raises InputError as `hashbench run` does."""
    settled = {"dataset": [DATASET], "bits": [BITS], "threads": 1, "device": "cpu"} | values
    (spec,) = expand(request(settled))
    return layout.create(runs_dir, spec, datetime.datetime.now(datetime.UTC))


def finish(run: RunFolder, data_dir: Path) -> None:
    """Works a run to its end. Raises what the work raises."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        with EventWriter(run.events) as writer:
            work(run, data_dir, writer, None)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


def interrupt(run: RunFolder, data_dir: Path, stop: Callable[[AnyEvent], str]) -> bool:
    """Works a run until an event at which it is to end; False where it came to its own end."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        with _StoppingWriter(run, stop) as writer:
            work(run, data_dir, writer, None)
    except (_Interrupted, StopAskedError):
        return True
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
    return False
