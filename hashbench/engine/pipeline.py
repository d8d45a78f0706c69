"""One run from its folder to its result: prepare, build, train, evaluate, reported as events."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hashbench import __version__
from hashbench.engine import randomness
from hashbench.engine.build import Level, Prepared, build_method, prepare
from hashbench.engine.evaluation import evaluate_run
from hashbench.engine.machine_sampler import sampled
from hashbench.engine.trainer import Trainer
from hashbench.engine.validation import Validation
from hashbench.errors import InputError, StopAskedError, TrainingError
from hashbench.methods.base import Method
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import control, events, plugin_folders, processes, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result
from hashbench.runs.slots import Slot
from hashbench.runs.writer import EventWriter

PROGRESS_SECONDS = 0.2


def work(run: RunFolder, data_dir: Path, writer: EventWriter, slot: Slot | None) -> None:
    """Trains, scores and audits a run on its slot's device.

    Raises StopAskedError when a stop was requested, HashbenchError for what went wrong.
    """
    try:
        _work(run, data_dir, writer, slot)
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the device is out of memory: {str(error).splitlines()[0]}",
            remedy="a smaller batch_size, another device, or wait until its memory is free; the "
            "last checkpoint is kept",
        ) from error


def _work(run: RunFolder, data_dir: Path, writer: EventWriter, slot: Slot | None) -> None:
    began = time.monotonic()
    spec = specs.read(run.spec)
    plugin_folders.use(run)
    plugin_folders.require_same_files(run, spec)  # it may have waited in the queue for hours
    facts = _start(run, spec, writer, slot)
    with sampled(run.events, facts["device"], writer):
        _train_and_score(run, spec, data_dir, writer, facts, began)
    writer.write(events.Finished(seconds=round(time.monotonic() - began, 3)))


def _train_and_score(
    run: RunFolder,
    spec: RunSpec,
    data_dir: Path,
    writer: EventWriter,
    facts: dict[str, Any],
    began: float,
) -> None:
    reporter = _Reporter(run, writer)

    def note(level: Level, text: str) -> None:
        writer.write(events.Note(level=level, text=text))

    device = torch.device(facts["device"])
    prepared = prepare(spec, data_dir, run.labels, device, reporter, note)
    _add_facts(facts, prepared.facts() | {"data folder": str(data_dir.resolve())}, writer)

    method = build_method(prepared, reporter)
    _add_facts(facts, method.facts(), writer)

    trainer = _train(run, prepared, method, writer)

    seconds = time.monotonic() - began
    directions = prepared.card.directions
    outcome = evaluate_run(
        run, spec, method, prepared.data, trainer.best, directions, facts, seconds, note
    )
    result.write(run.result, outcome)
    _report_outcome(outcome, method, writer)


def _start(run: RunFolder, spec: RunSpec, writer: EventWriter, slot: Slot | None) -> dict[str, Any]:
    """Sets torch up for the run, announces the run, and returns the facts of the machine."""
    device = find_device(spec.device, slot)
    if spec.threads:
        torch.set_num_threads(spec.threads)
    randomness.deterministic()
    facts = _machine_facts(device) | ({"preset": spec.preset} if spec.preset else {})
    if plugin := catalog.method_plugin(spec.method):
        facts["plug-in"] = plugin.source
    writer.write(
        events.Started(**processes.this(), resumed=run.checkpoint.is_dir(), facts=dict(facts))
    )
    return facts


def _add_facts(facts: dict[str, Any], more: Mapping[str, str | int], writer: EventWriter) -> None:
    """Facts are reported as they become known, and are part of the result."""
    for name, value in more.items():
        facts[name] = value
        writer.write(events.Fact(name=name, value=value))


def _train(run: RunFolder, prepared: Prepared, method: Method, writer: EventWriter) -> Trainer:
    """Announces the stages, then trains all of them, from the last checkpoint where one exists."""
    data, spec = prepared.data, prepared.spec
    stages = tuple(
        events.StagePlan(s.name, s.title, s.epochs, s.steps(len(data.train)))
        for s in method.stages()
    )
    writer.write(events.Planned(stages=stages, sizes=data.split.sizes()))
    validation = Validation(
        data, prepared.card.directions, "test" if spec.select == "test" else "validation"
    )
    trainer = Trainer(run, spec, method, data, validation, writer)
    trainer.train()
    return trainer


def _report_outcome(outcome: Result, method: Method, writer: EventWriter) -> None:
    """The test scores, and a warning where the audit found a leak."""
    last = method.stages()[-1]
    values = test_scores(outcome)
    writer.write(events.Scores(stage=last.name, epoch=last.epochs, on="test", values=values))
    if not outcome.audit.clean:
        writer.write(events.Note(level="warning", text=outcome.audit.verdict))


def test_scores(outcome: Result) -> dict[str, float]:
    """The scores of a result as events name them."""
    return {
        f"{direction}:{metric} @{bits}": value
        for bits, by_direction in outcome.scores.items()
        for direction, metrics in by_direction.items()
        for metric, value in metrics.items()
    }


class _Reporter:
    """Turns progress calls into events, at most five a second, the last one always.

    Raises StopAskedError where a stop is requested, so that long work outside of training can be
    stopped between its parts. A pause has to wait for the training.
    """

    def __init__(self, run: RunFolder, writer: EventWriter) -> None:
        self._run = run
        self._writer = writer
        self._last = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self._last >= PROGRESS_SECONDS:
            self._last = now
            self._writer.write(events.Progress(what=what, done=done, total=total))
            if control.read(self._run) == "stop":
                control.clear(self._run)
                raise StopAskedError(f"asked to stop during {what}")


def find_device(wanted: str, slot: Slot | None) -> torch.device:
    """The slot's device; without a slot `auto` is the first GPU. Where torch itself cannot use
    GPUs, `auto` is the CPU whatever the slot. Raises InputError for a GPU that does not exist.
    """
    if wanted == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    if slot is not None:
        wanted = slot.place.device
    device = torch.device("cuda" if wanted == "auto" else wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"there is no device {wanted}: torch sees {torch.cuda.device_count()} CUDA devices",
            where="--device",
            remedy="--device auto or --device cpu",
        )
    return device


def _machine_facts(device: torch.device) -> dict[str, Any]:
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "device": str(device),
        "device name": gpu or platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count() or 0,
        "hashbench": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "open_clip": metadata.version("open_clip_torch"),
    }
