"""What a run will cost, measured: `python -m hashbench.engine.estimate --data-dir DIR < spec.toml`.

A few steps of the real method are timed on random features of the right shapes, and a few pictures
are encoded where features are not cached, for `measuring.BUDGET` seconds in all: on a slow or busy
machine less is measured, and the notes say how much. The measuring process trains as many items
with as large batches as the run would, so its own peak of memory is that of the run, but for
features that are mapped. Steps that take long are timed with small batches and extrapolated along a
line.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch

from hashbench.engine import measuring, pipeline, randomness
from hashbench.engine.build import Prepared, build_method
from hashbench.engine.measuring import Budget, Timed, Work, forget_peak, line, peak_memory, timed
from hashbench.engine.run_costs import Costs
from hashbench.errors import HashbenchError
from hashbench.methods.base import Method, Stage, total
from hashbench.plan import spec as specs
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import RunSpec

SMALL = 8
SMALLEST = 2
"""Items of a small batch, and of one of a method that tunes towers, whose steps take long."""

OF_TRAINING = 0.4
"""Share of the time that measuring may take."""

REPEATS = 3
"""Whole steps that are timed, the fastest of which counts."""


def estimate(spec: RunSpec, data_dir: Path) -> RunEstimate:
    """What a run of the spec will cost on the device it asks for.

    Raises InputError for data or weights that are missing or unfit, as the run would.
    """
    device = pipeline.find_device(spec.device, None)
    torch.set_num_threads(spec.threads or torch.get_num_threads())
    randomness.deterministic()
    budget = Budget()
    costs = Costs.of(spec, data_dir, device, budget)
    features = costs.feature_seconds()
    prepared = costs.prepared(costs.split.train_fit)
    built: list[Method] = []
    training = measuring.seconds(lambda: built.append(build_method(prepared)))
    (method,) = built
    before = peak_memory()
    stages = [
        _stage_cost(costs, method, prepared, stage, OF_TRAINING / len(method.stages()))
        for stage in method.stages()
    ]
    training += sum(stage.seconds for stage in stages)
    if spec.dataset.augment_images != "none":
        passes = sum(stage.epochs for stage in method.stages())
        training += passes * len(costs.split.train_fit) * costs.pictures.each
    scoring = costs.scoring(method, prepared)
    epochs = sum(stage.epochs for stage in method.stages() if stage.selects)
    pooled = (len(costs.dataset) + costs.captions) * 4 * costs.shape.dim
    gpu = device.type == "cuda"
    return RunEstimate(
        feature_seconds=features,
        training_seconds=training,
        scoring_seconds=costs.scoring_seconds(scoring, method, epochs),
        cache_key=costs.cache_key,
        cache_bytes=costs.cache_bytes(),
        run_bytes=_checkpoint_bytes(method) + costs.code_bytes(method.bits),
        memory_bytes=max(before, peak_memory(), *(stage.memory for stage in stages))
        + (0 if costs.dataset.features else pooled),
        gpu_bytes=torch.cuda.max_memory_allocated(device) if gpu else 0,
        gpu_total=torch.cuda.get_device_properties(device).total_memory if gpu else 0,
        notes=(*costs.notes, *(note for stage in stages for note in stage.notes), *_busy()),
    )


@dataclass(frozen=True)
class _StageCost:
    """Seconds of a stage, and the peak of the process's memory with its full batches, in bytes."""

    seconds: float
    memory: int
    notes: tuple[str, ...] = ()


def _stage_cost(
    costs: Costs, method: Method, prepared: Prepared, stage: Stage, share: float
) -> _StageCost:
    if not stage.epochs:
        return _whole_cost(costs, stage, share)
    begin = measuring.seconds(lambda: method.begin_stage(stage))
    optimiser = method.optimiser(stage)
    method.train()
    peaks: dict[int, int] = {}

    def step(size: int) -> Work:
        (_, batch) = next(iter(prepared.data.batches(0, replace(stage, batch_size=size), 0, 0)))
        forget_peak()

        def descend() -> None:
            optimiser.zero_grad(set_to_none=True)
            total(method.losses(stage, batch).values()).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            peaks[size] = peak_memory()

        return descend

    size = min(stage.batch_size, len(prepared.data.train))
    forget_peak()
    peaks[0] = peak_memory()
    left = costs.budget.share(share)
    measured = timed(step, size, left, SMALLEST if costs.blocks else SMALL)
    each = measured.seconds
    if measured.whole:
        again = [each]
        while len(again) < REPEATS and sum(again) + each < left:
            again.append(measuring.seconds(step(size)))
        each = min(again)
    notes = () if measured.whole else (_rough(stage, measured),)
    steps = stage.epochs * stage.steps(len(prepared.data.train))
    return _StageCost(begin + steps * each, round(line(peaks, size)), notes)


def _rough(stage: Stage, steps: Timed) -> str:
    sizes = " and ".join(map(str, sorted(steps.taken)[-2:]))
    return f"{stage.name}: a rough guess, from steps of {sizes} items for one of {steps.most}"


def _whole_cost(costs: Costs, stage: Stage, share: float) -> _StageCost:
    """Of a stage without epochs, from growing parts of its items.

    It is an upper bound where items share work, as those of one label set do.
    """
    fitted = costs.split.train_fit

    def begun(count: int) -> Work:
        part = build_method(costs.prepared(fitted[:count]))
        (same,) = (one for one in part.stages() if one.name == stage.name)
        return lambda: part.begin_stage(same)

    measured = timed(begun, len(fitted), costs.budget.share(share), SMALL)
    note = f"{stage.title.lower()}: an upper bound, from {measured.largest} items"
    return _StageCost(measured.seconds, peak_memory(), () if measured.whole else (note,))


def _busy() -> tuple[str, ...]:
    """A note where other programs take the processors' time."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load < processors + 1:
        return ()
    busy = f"this machine is busy (load {load:.0f} on {processors} processors)"
    return (f"{busy}: an idle one is faster",)


def _checkpoint_bytes(method: Method) -> int:
    """Model, best model, and an optimiser with two averages of every trained tensor."""
    state = sum(int(value.nbytes) for value in method.state_dict().values())
    trained = sum(int(value.nbytes) for value in method.parameters() if value.requires_grad)
    return 2 * state + 2 * trained


def main() -> int:
    """Reads a spec, prints its estimate, or the error, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    given = parser.parse_args()
    try:
        answer: object = estimate(specs.from_toml(sys.stdin.buffer.read()), given.data_dir)
    except HashbenchError as error:
        answer = {"error": error.problem, "where": error.where, "remedy": error.remedy}
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
