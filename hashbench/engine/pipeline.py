"""One worker: takes a run folder, trains, scores, and tells all of it through events."""

from __future__ import annotations

import functools
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hashbench import __version__
from hashbench.backbones import registry
from hashbench.backbones.blocks import Tail
from hashbench.backbones.feature_store import FeatureStore
from hashbench.backbones.text_tower import FrozenTextTower
from hashbench.engine import randomness
from hashbench.engine.data import (
    assemble,
    left_out,
    load_dataset,
    readable,
    require_encoders,
    split_of,
    visible_labels,
)
from hashbench.engine.evaluation import evaluate_run
from hashbench.engine.trainer import Trainer
from hashbench.engine.validation import Validation
from hashbench.errors import InputError, StopAskedError, TrainingError
from hashbench.files.paths import cache_root
from hashbench.methods.base import Method, MethodContext
from hashbench.nn.towers import Tower, Towers
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.runs import control, events, processes, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.slots import Slot
from hashbench.runs.writer import EventWriter

PROGRESS_SECONDS = 0.2


def work(run: RunFolder, data_dir: Path, writer: EventWriter, slot: Slot | None) -> None:
    """Trains, scores and audits a run on its slot's device.

    Raises StopAskedError when somebody asked for it, HashbenchError for what went wrong.
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
    card = catalog.method(spec.method)
    device = _device(spec.device, slot)
    if spec.threads:
        torch.set_num_threads(spec.threads)
    randomness.deterministic()
    randomness.reseed(spec.seed, "build")
    facts = _facts(device) | {"data folder": str(data_dir.resolve())}
    writer.write(
        events.Started(
            **processes.this(),
            resumed=run.checkpoint.is_dir(),
            facts=facts,
        )
    )
    dataset = load_dataset(spec.dataset, data_dir)
    for note in dataset.notes:
        writer.write(events.Note(level="info", text=note))
    if card.tuned_blocks:
        require_encoders(dataset, spec.method)
    split = split_of(spec.dataset, dataset)
    source = registry.resolve(spec.backbone, data_dir)
    reporter = _Reporter(run, writer)
    skip = spec.dataset.on_bad_image == "skip"
    store = FeatureStore(cache_root(data_dir), source, device, reporter, skip_broken=skip)
    features = store.dataset(dataset)
    for note in left_out(split, features):
        writer.write(events.Note(level="warning", text=note))
    split = readable(split, dataset, features)
    known: dict[str, Any] = {"split": split.hash, "features": features.key}
    known |= {"left out": len(features.broken)} if features.broken else {}
    facts |= known
    for name, value in known.items():
        writer.write(events.Fact(name=name, value=value))
    visible = visible_labels(run.labels, spec, dataset, split)
    tuned = int(spec.params[card.tuned_blocks]) if card.tuned_blocks else 0
    blocks = store.blocks(dataset, tuned) if tuned else None
    data = assemble(dataset, split, visible, features, device, blocks)

    def prompts(sentences: Any) -> torch.Tensor:
        return torch.from_numpy(store.prompts(sentences)).to(device)

    @functools.cache
    def text_tower() -> FrozenTextTower:
        require_encoders(dataset, spec.method)
        return FrozenTextTower(store.backbone)

    context = MethodContext(
        bits=spec.bits,
        params=spec.params,
        class_names=dataset.class_names,
        train=data.train,
        prompts=prompts,
        seed=spec.seed,
        unknown=spec.labels.unknown,
        text_tower=text_tower,
        report=reporter,
        towers=lambda: tower_ends(store.tails(tuned)),
        protocol=spec.protocol,
        directions=card.directions,
    )
    method: Method = catalog.load(card.entry)(context).to(device)
    for name, value in method.facts().items():
        facts[name] = value
        writer.write(events.Fact(name=name, value=value))
    plans = tuple(
        events.StagePlan(s.name, s.title, s.epochs, -(-len(data.train) // s.batch_size))
        for s in method.stages()
    )
    writer.write(events.Planned(stages=plans, sizes=split.sizes()))
    validation = Validation(
        data, card.directions, "test" if spec.select == "test" else "validation"
    )
    trainer = Trainer(run, spec, method, data, validation, writer)
    trainer.train()
    found = evaluate_run(
        run,
        spec,
        method,
        data,
        trainer.best,
        card.directions,
        facts,
        time.monotonic() - began,
    )
    result.write(run.result, found)
    last = plans[-1]
    values = {
        f"{direction}:{metric} @{bits}": value
        for bits, by_direction in found.scores.items()
        for direction, metrics in by_direction.items()
        for metric, value in metrics.items()
    }
    writer.write(events.Scores(stage=last.name, epoch=last.epochs, on="test", values=values))
    if not found.audit.clean:
        writer.write(events.Note(level="warning", text=found.audit.verdict))
    writer.write(events.Finished(seconds=round(time.monotonic() - began, 3)))


def tower_ends(tails: tuple[Tail, Tail]) -> Towers:
    """Modules out of the weights of the towers' last blocks."""
    image, text = (
        Tower(t.blocks, t.norm, t.projection, t.heads, t.activation, causal=causal)
        for t, causal in zip(tails, (False, True), strict=True)
    )
    return Towers(image, text)


class _Reporter:
    """Turns progress calls into events, at most five a second, the last one always.

    Raises StopAskedError where somebody asks for it: what takes long is heeded between its parts,
    too. A pause has to wait for the training.
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


def _device(wanted: str, slot: Slot | None) -> torch.device:
    """The slot's device; without a slot `auto` is the first GPU. Where torch itself cannot use
    GPUs, `auto` is the CPU whatever the slot. Raises InputError for a GPU that is not there.
    """
    if wanted == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    if slot is not None:
        wanted = slot.place.device
    device = torch.device("cuda" if wanted == "auto" else wanted)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"{wanted} is not there; torch sees {torch.cuda.device_count()} CUDA devices",
            where="--device",
            remedy="--device auto or --device cpu",
        )
    return device


def _facts(device: torch.device) -> dict[str, Any]:
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
