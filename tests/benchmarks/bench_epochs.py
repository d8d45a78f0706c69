"""Times an epoch of every method that trains on features as they are, on made-up features.

    python tests/benchmarks/bench_epochs.py [METHOD ...] [--against CHECKOUT] [--picturebook]

10,000 training items, as MIRFlickr-25K has, with images of 1280 and texts of 384 features and 24
classes; methods that need one space get 384 of both. An epoch is losses, gradients and steps of all
batches, and what the method does at its end, in seconds of processor time: on two quiet cores about
half as many pass. The last column is what the built-in defaults need for all of their epochs. With
another checkout of the project, both take turns, and their ratio is printed, which says more than
seconds do on a busy machine. `--picturebook` measures the built-in data's shape: 1,800 fitted items
of 128 features each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from hashbench.methods.base import Batch, Method, Stage, total
from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.plan import catalog, parameters

CLASSES, POSITIVE, BITS = 24, 0.12, 32


@dataclass(frozen=True)
class Shape:
    """Numbers of training items, and of features of images and of texts."""

    items: int
    image_width: int
    text_width: int


MIRFLICKR = Shape(10_000, 1280, 384)
PICTUREBOOK = Shape(1800, 128, 128)


def made_up(items: int, image_width: int, text_width: int) -> TrainingSet:
    """Features that depend on labels, all of which are known."""
    g = torch.Generator().manual_seed(0)
    labels = (torch.rand(items, CLASSES, generator=g) < POSITIVE).float()
    images, texts = (
        labels @ torch.randn(CLASSES, width, generator=g) + torch.randn(items, width, generator=g)
        for width in (image_width, text_width)
    )
    known = torch.ones(items, CLASSES, dtype=torch.bool)
    return TrainingSet(images, texts, labels, known, torch.arange(items))


def built(name: str, shape: Shape) -> Method:
    """A method with the defaults of its card."""
    card = catalog.method(name)
    image_width = shape.text_width if card.needs_joint_space else shape.image_width
    train = made_up(shape.items, image_width, shape.text_width)
    context = MethodContext(
        bits=(BITS,),
        params=parameters.resolve(card, "strict", None, [], {}),
        class_names=tuple(map(str, range(CLASSES))),
        train=train if card.supervised else train.without_labels(),
        prompts=lambda sentences: torch.randn(len(sentences), shape.text_width),
        seed=0,
        directions=card.directions,
    )
    torch.manual_seed(0)
    method: Method = catalog.load(card.entry)(context)
    return method


def epoch(method: Method, stage: Stage, optimiser: torch.optim.Optimizer) -> None:
    """One epoch, as the trainer has it, without events and validation."""
    method.train()
    train = method.context.train
    for index in torch.randperm(len(train)).split(stage.batch_size):
        parts = (part[index] for part in (train.images, train.texts, train.labels, train.known))
        loss = total(method.losses(stage, Batch(index, *parts)).values())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    method.end_epoch(stage)


def measured(name: str, repeats: int, shape: Shape) -> dict[str, tuple[float, int]]:
    """Stage -> processor seconds of its fastest epoch, and its number of epochs."""
    method = built(name, shape)
    seconds = {}
    for stage in method.stages():
        method.begin_stage(stage)
        if not stage.epochs:
            continue
        optimiser = method.optimiser(stage)
        times = []
        for _ in range(repeats):
            began = time.process_time()
            epoch(method, stage, optimiser)
            times.append(time.process_time() - began)
        seconds[stage.name] = min(times), stage.epochs
        method.end_stage(stage)
    return seconds


def in_process(name: str, checkout: str, options: list[str]) -> dict[str, tuple[float, int]]:
    """`measured` in a process of its own, with the package of a checkout."""
    command = [sys.executable, __file__, name, "--json", *options]
    environment = {**os.environ, "PYTHONPATH": checkout}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, tuple[float, int]] = json.loads(done.stdout)
    return answer


def trained() -> list[str]:
    """Names of the methods that train, and read no more than features."""
    cards = catalog.methods().values()
    return [c.name for c in cards if c.epoch_params and not c.needs_encoders]


def main() -> None:
    """Prints a line for each stage of each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--against", default="")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--picturebook", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    shape = PICTUREBOOK if asked.picturebook else MIRFLICKR
    if asked.json:
        print(json.dumps(measured(asked.methods[0], asked.repeats, shape)))
        return
    options = ["--repeats", str(asked.repeats), *["--picturebook"] * asked.picturebook]
    print(f"{torch.get_num_threads()} threads; processor seconds an epoch of {shape.items:,} items")
    for name in asked.methods or trained():
        now = in_process(name, str(Path.cwd()), options)
        before = in_process(name, asked.against, options) if asked.against else {}
        for stage, (seconds, epochs) in now.items():
            line = f"{name:<10} {stage:<8} {seconds:7.2f}   {epochs} epochs {seconds * epochs:7.0f}"
            if asked.against:
                earlier = before[stage][0]
                line += f"   before {earlier:7.2f}, {earlier / seconds:.1f} times as long"
            print(line, flush=True)


if __name__ == "__main__":
    main()
