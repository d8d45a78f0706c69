"""The leak audit of a run: do codes change with what an encoder must not see?

The encoder is at hand, so this is proof and not evidence. Part of every run's end, on a sample.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hashbench.engine import randomness
from hashbench.engine.data import Data
from hashbench.engine.encoding import Encoded, Items, encode_in_batches, items_of
from hashbench.methods.base import Method
from hashbench.runs.result import AuditResult

SAMPLE = 256
ROUNDING = 1e-4
"""A relaxed code nearer to zero than this share of its bit's size may change sign by the rounding
of another batch size alone; such bits are not counted."""


def audit(method: Method, data: Data, seed: int) -> AuditResult:
    """Encodes a sample of the queries again with labels, paired modality and batch permuted."""
    method.eval()
    count = min(SAMPLE, len(data.split.query))
    chosen = randomness.shuffled(len(data.split.query), seed, "audit")[:count].numpy()
    items = items_of(data, data.split.query[chosen], "query")
    plain = encode_in_batches(method, items)
    other = randomness.shuffled(count, seed, "audit", "other").to(data.device)
    labels = encode_in_batches(method, replace(items, labels=items.labels[other]))
    return AuditResult(
        sample=count,
        labels=_changed(plain, labels),
        paired=_paired(method, items, plain, other),
        batch=_changed(plain, _rebatched(method, items, other)),
    )


def _paired(method: Method, items: Items, plain: Encoded, other: Tensor) -> float | None:
    """Share of changed bits of images when the paired texts are swapped, and of texts when the
    images are. None for a fused code, which is made of both by design.
    """
    if "mm" in plain:
        return None
    swapped = {
        "image": encode_in_batches(method, replace(items, texts=items.texts[other])),
        "text": encode_in_batches(method, replace(items, images=items.images[other])),
    }
    return _changed(plain, {name: codes[name] for name, codes in swapped.items()})


def _rebatched(method: Method, items: Items, order: Tensor) -> Encoded:
    """The codes of items encoded in another order and in two batches of unequal size."""
    cut = max(1, len(items) // 3)
    parts = [encode_in_batches(method, items.rows(part)) for part in (order[:cut], order[cut:])]
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=order.device)
    return {
        modality: {
            bits: torch.cat([part[modality][bits] for part in parts if len(part[modality][bits])])[
                back
            ]
            for bits in codes
        }
        for modality, codes in parts[0].items()
    }


def _changed(plain: Encoded, again: Encoded) -> float:
    """Share of bits that differ, over all modalities and bit lengths."""
    changed, compared = 0, 0
    for modality, codes in plain.items():
        for bits, relaxed in codes.items():
            size = relaxed.abs().mean(0, keepdim=True)
            certain = relaxed.abs() > ROUNDING * size
            differs = (relaxed >= 0) != (again[modality][bits] >= 0)
            changed += int((differs & certain).sum())
            compared += relaxed.numel()
    return changed / compared
