"""Throughput of encoding, training and evaluation on a device, with its name.

    python tests/benchmarks/bench_gpu.py [--device cuda] [--items 100000] [--quick]

Encoding: pictures a second through an untrained ViT-B/16, in fp32 and in mixed bf16, from pixels
in memory, so that no picture is decoded. Training: items a second of each method on the built-in
data. Evaluation: pairs of query and database a second of `mAP@all` over 64 bits, which runs on the
CPU's cores. On a machine without a GPU the same lines are printed of the CPU, and the first one
says so. `--quick` measures for half a second each, on small batches of the built-in data's small
preset: whether all of it runs, not how fast.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.openclip_import import open_clip
from hashbench.engine import randomness
from hashbench.engine.build import build_method, prepare
from hashbench.engine.data import Data
from hashbench.methods.base import Method, Stage, total
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand


@dataclass(frozen=True)
class Effort:
    """Seconds that each rate is measured for, pictures at once, and the data that is trained on."""

    seconds: float
    batch: int
    dataset: str
    items: int


FULL = Effort(10.0, 64, "picturebook", 100_000)
QUICK = Effort(0.5, 4, "picturebook-tiny", 10_000)


def rate(step: Callable[[], int], device: torch.device, seconds: float) -> float:
    """What `step` returns, a second, once it is warm."""
    step()
    done, spent, began = 0, 0.0, time.perf_counter()
    while not done or spent < seconds:
        done += step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent = time.perf_counter() - began
    return done / spent


def text(rate: float) -> str:
    """A rate with at least two digits that count."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def encoding(device: torch.device, precision: str, effort: Effort) -> None:
    backbone = ClipBackbone(open_clip().create_model("ViT-B-16"), device, precision=precision)
    pixels = np.random.default_rng(0).normal(size=(effort.batch, 3, 224, 224)).astype(np.float32)
    tokens = backbone.tokenise(["a photo of a dog on a beach"] * effort.batch)
    images = rate(lambda: len(backbone.encode_images(pixels)), device, effort.seconds)
    texts = rate(lambda: len(backbone.encode_tokens(tokens)), device, effort.seconds)
    print(
        f"encoding, ViT-B/16, {precision}: {text(images)} pictures/s, {text(texts)} captions/s",
        flush=True,
    )


def training(name: str, device: torch.device, folder: Path, effort: Effort) -> None:
    (spec,) = expand(Request(method=[name], dataset=[effort.dataset], bits=[32]))
    prepared = prepare(spec, folder, folder / f"{name}.npz", device)
    method = build_method(prepared)
    for stage in method.stages():
        method.begin_stage(stage)
        if stage.epochs:
            items = stage_rate(prepared.data, method, stage, effort.seconds)
            print(f"training, {name}, {stage.name}: {text(items)} items/s", flush=True)


def stage_rate(data: Data, method: Method, stage: Stage, seconds: float) -> float:
    """Items a second of a stage's steps, loading included."""
    optimiser = method.optimiser(stage)
    batches = itertools.chain.from_iterable(
        data.batches(0, stage, epoch, skip=0) for epoch in itertools.count()
    )

    def step() -> int:
        _, batch = next(batches)
        optimiser.zero_grad(set_to_none=True)
        total(method.losses(stage, batch).values()).backward()
        optimiser.step()
        return len(batch.index)

    method.train()
    return rate(step, data.device, seconds)


def evaluation(items: int) -> None:
    rng = np.random.default_rng(0)
    codes = Codes.from_signs(rng.random((items, 64)) < 0.5)
    masks = LabelMasks.from_multi_hot(rng.random((items, 24)) < 0.1)
    some = Codes.from_signs(rng.random((1000, 64)) < 0.5)
    asked = LabelMasks.from_multi_hot(rng.random((1000, 24)) < 0.1)
    metric = [parse_metric("i2t:mAP@all")]
    evaluate(some, codes, asked, masks, metric)  # compiles
    began = time.perf_counter()
    evaluate(some, codes, asked, masks, metric)
    pairs = len(asked) * items
    print(
        f"evaluation, mAP@all: {pairs / (time.perf_counter() - began) / 1e6:,.0f} million pairs/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--items", type=int)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    effort = QUICK if given.quick else FULL
    device = torch.device(given.device)
    randomness.deterministic()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        why = "" if torch.cuda.is_available() else ": this machine has no GPU"
        name = f"the CPU ({platform.machine()}, {torch.get_num_threads()} threads){why}"
    print(f"on {name}, torch {torch.__version__}, deterministic{', quick' * given.quick}")
    for precision in ("fp32", "bf16"):
        encoding(device, precision, effort)
    with tempfile.TemporaryDirectory() as folder:
        for method, card in catalog.methods().items():
            if card.epoch_params:
                training(method, device, Path(folder), effort)
    evaluation(given.items or effort.items)


if __name__ == "__main__":
    main()
