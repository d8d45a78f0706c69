"""A small world for methods that tune towers: random towers, items and words, no backbone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.methods.base import Batch, Method
from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.nn.blocks import Block
from hashbench.nn.tokens import Tokens
from hashbench.nn.towers import Tower, Towers
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand

ITEMS, CLASSES, WIDTH, PATCHES, LONGEST = 24, 5, 16, 6, 40
NAMES = ("sea", "sky", "dog", "tree", "night")


class Words:
    """Stands for the frozen text tower: one token a word, its row drawn from the word."""

    width, context, scale, start, end = WIDTH, 77, 100.0, 0, 1

    def token_ids(self, text: str) -> list[int]:
        return [sum(map(ord, word)) % 1000 for word in re.findall(r"\w+", text)]

    def embed(self, ids: Tensor) -> Tensor:
        table = torch.randn(1000, WIDTH, generator=torch.Generator().manual_seed(1))
        return 0.1 * table[ids]

    def __call__(self, tokens: Tensor, ends: Tensor) -> Tensor:
        raise NotImplementedError


def tower(seed: int, *, causal: bool) -> Tower:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        blocks = [Block(WIDTH, 2).state_dict() for _ in range(2)]
        norm = {"weight": torch.ones(WIDTH), "bias": torch.zeros(WIDTH)}
        return Tower(blocks, norm, torch.randn(WIDTH, WIDTH) / 4, 2, "gelu", causal=causal)


def prompts(sentences: Any) -> Tensor:
    return torch.randn(len(sentences), WIDTH, generator=torch.Generator().manual_seed(3))


def items(count: int = ITEMS, seed: int = 0) -> tuple[Tokens, Tokens, Tensor]:
    """Images, texts of various lengths, and labels (n, C) of 0 and 1 that features depend on."""
    g = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, CLASSES, generator=g) < 0.4).float()
    pooled = labels @ torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(9))
    lengths = torch.randint(3, LONGEST, (count,), generator=g)
    values = torch.randn(count, LONGEST, WIDTH, generator=g)
    values[torch.arange(LONGEST)[None, :] >= lengths[:, None]] = 0.0
    patches = torch.randn(count, PATCHES, WIDTH, generator=g)
    images = Tokens(pooled, patches, torch.full((count,), PATCHES))
    return images, Tokens(pooled + 0.1, values, lengths), labels


def batch(rows: Tensor | None = None) -> Batch:
    images, texts, labels = items()
    index = torch.arange(ITEMS) if rows is None else rows
    return Batch(
        index=index,
        images=images.pooled[index],
        texts=texts.pooled[index],
        labels=labels[index],
        known=torch.ones(len(index), CLASSES, dtype=torch.bool),
        image_tokens=images[index],
        text_tokens=texts[index],
    )


def made(
    name: str,
    protocol: str = "strict",
    ablate: str = "",
    train_images: Tensor | None = None,
    class_names: tuple[str, ...] = NAMES,
    **params: Any,
) -> Method:
    """A method of the catalogue, small, ready for its one stage."""
    card = catalog.method(name)
    small: Mapping[str, Any] = {"auxiliary_bits": 12, "epochs": 1, "batch_size": ITEMS}
    request = Request(
        method=[name],
        bits=[4, 8],
        protocol=protocol,
        ablate=[ablate] if ablate else [],
        set={**small, **params},
    )
    (spec,) = expand(request)
    images, texts, labels = items()
    labels = F.pad(labels, (0, len(class_names) - CLASSES))
    context = MethodContext(
        bits=spec.bits,
        params=spec.params,
        class_names=class_names,
        train=TrainingSet(
            images.pooled if train_images is None else train_images,
            texts.pooled,
            labels,
            torch.ones_like(labels).bool(),
            torch.arange(ITEMS),
        ),
        prompts=prompts,
        seed=0,
        text_tower=Words,
        towers=lambda: Towers(tower(1, causal=False), tower(2, causal=True)),
        protocol=protocol,
        directions=card.directions,
    )
    torch.manual_seed(0)
    method: Method = catalog.load(card.entry)(context)
    method.begin_stage(method.stages()[0])
    return method


@torch.enable_grad()
def step(method: Method, rows: Tensor | None = None) -> dict[str, float]:
    """One step of training; the terms of its loss."""
    (stage,) = method.stages()
    method.train()
    optimiser = method.optimiser(stage)
    terms = method.losses(stage, batch(rows))
    optimiser.zero_grad()
    torch.stack([term.weight * term.value for term in terms.values()]).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    method.eval()
    return {name: float(term.value.detach()) for name, term in terms.items()}


def optimised(method: Method) -> set[int]:
    """Identities of the tensors that the optimiser holds."""
    groups = method.optimiser(method.stages()[0]).param_groups
    return {id(p) for group in groups for p in group["params"]}
