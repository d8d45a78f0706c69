"""Methods on frozen features, stage by stage, on items whose features follow their labels."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from hashbench.methods.base import Batch, Method, total
from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand

ITEMS, NAMES = 24, ("sea", "sky", "dog", "tree", "night")
IMAGE_WIDTH, TEXT_WIDTH = 12, 10


def _no_prompts(sentences: Any) -> NoReturn:
    raise AssertionError("a method on frozen features asked for a prompt")


def items(
    count: int = ITEMS, *, joint: bool = False, known: float = 1.0, seed: int = 0
) -> TrainingSet:
    """Images and texts of different widths unless `joint`; a share of the labels is known."""
    g = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, len(NAMES), generator=g) < 0.4).float()
    mask = torch.rand(count, len(NAMES), generator=g) < known
    widths = (IMAGE_WIDTH, IMAGE_WIDTH if joint else TEXT_WIDTH)
    images, texts = (
        labels @ torch.randn(len(NAMES), w, generator=torch.Generator().manual_seed(9))
        + 0.3 * torch.randn(count, w, generator=g)
        for w in widths
    )
    return TrainingSet(images, texts, labels * mask, mask, torch.arange(count))


def made(
    name: str,
    *,
    train: TrainingSet | None = None,
    bits: tuple[int, ...] = (8,),
    unknown: str = "negative",
    ablate: tuple[str, ...] = (),
    **params: Any,
) -> Method:
    """A method of the catalogue, before its first stage."""
    card = catalog.method(name)
    small = {"batch_size": 8} | dict.fromkeys(card.epoch_params, 1)
    small |= {k: 16 for k in ("hidden", "feature", "image_hidden") if card.has_param(k)}
    (spec,) = expand(
        Request(method=[name], bits=list(bits), ablate=list(ablate), set={**small, **params})
    )
    train = items(joint=card.needs_joint_space) if train is None else train
    context = MethodContext(
        bits=spec.bits,
        params=spec.params,
        class_names=NAMES,
        train=train if card.supervised else train.without_labels(),
        prompts=_no_prompts,
        seed=0,
        unknown=unknown,
        directions=card.directions,
    )
    torch.manual_seed(0)
    method: Method = catalog.load(card.entry)(context)
    return method


def begun(name: str, stage: int = -1, **kwargs: Any) -> Method:
    """A method that is at the beginning of one of its stages."""
    method = made(name, **kwargs)
    method.begin_stage(method.stages()[stage])
    return method


def batch(method: Method, rows: Tensor | None = None) -> Batch:
    """Rows of the method's training set, in the order of `rows`."""
    train = method.context.train
    index = torch.arange(len(train)) if rows is None else rows
    parts = (train.images, train.texts, train.labels, train.known)
    return Batch(index, *(part[index] for part in parts))


@torch.enable_grad()
def trained(method: Method, steps: int = 1, rows: Tensor | None = None) -> list[float]:
    """All stages, so many steps of each on one batch; the totals of the losses."""
    totals = []
    for stage in method.stages():
        method.begin_stage(stage)
        method.train()
        optimiser = method.optimiser(stage)
        for _ in range(steps):
            loss = total(method.losses(stage, batch(method, rows)).values())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            totals.append(float(loss.detach()))
        method.end_epoch(stage)
    method.eval()
    return totals


@torch.no_grad()
def values(method: Method, rows: Tensor | None = None, stage: int = -1) -> dict[str, float]:
    """The terms of a stage's loss on a batch, not weighted."""
    terms = method.losses(method.stages()[stage], batch(method, rows))
    return {name: float(term.value) for name, term in terms.items()}


def cosine(a: Tensor, b: Tensor) -> float:
    """Of two vectors."""
    return float(a @ b) / (float(a @ a) ** 0.5 * float(b @ b) ** 0.5)
