"""A small world for methods on frozen features: random items, widths that differ, no backbone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hashbench.methods.base import Batch, Method
from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.plan import catalog, parameters

ITEMS, CLASSES, BITS = 24, 5, 8


def items(image_width: int = 12, text_width: int = 7, known_share: float = 1.0) -> TrainingSet:
    """Features that depend on labels; with `known_share` below 1 some labels are hidden."""
    g = torch.Generator().manual_seed(0)
    labels = (torch.rand(ITEMS, CLASSES, generator=g) < 0.4).float()
    images, texts = (
        labels @ torch.randn(CLASSES, width, generator=g)
        + 0.3 * torch.randn(ITEMS, width, generator=g)
        for width in (image_width, text_width)
    )
    known = torch.rand(ITEMS, CLASSES, generator=g) < known_share
    return TrainingSet(images, texts, labels * known, known, torch.arange(ITEMS))


def made(
    name: str,
    train: TrainingSet | None = None,
    *,
    ablate: str = "",
    unknown: str = "negative",
    bits: int = BITS,
    seed: int = 0,
    **params: Any,
) -> Method:
    """A method of the catalogue, ready for its first stage."""
    card = catalog.method(name)
    protocol = "published" if card.published_only else "strict"
    train = items() if train is None else train
    context = MethodContext(
        bits=(bits,),
        params=parameters.resolve(card, protocol, None, [ablate] if ablate else [], params),
        class_names=tuple("abcde"),
        train=train if card.supervised else train.without_labels(),
        prompts=lambda sentences: torch.eye(len(sentences), train.images.shape[1]),
        seed=seed,
        unknown=unknown,
        protocol=protocol,
    )
    torch.manual_seed(seed)
    method: Method = catalog.load(card.entry)(context)
    method.begin_stage(method.stages()[0])
    return method


def batch(train: TrainingSet, index: Tensor | None = None) -> Batch:
    """Rows of a training set, all of them without an index."""
    rows = torch.arange(len(train)) if index is None else index
    return Batch(rows, train.images[rows], train.texts[rows], train.labels[rows], train.known[rows])
