"""Prompt contrastive learning: anchors out of known positives, negatives by one changed class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEGATIVES = ("deletion", "addition", "replacement")


@dataclass(frozen=True)
class Contrast:
    """For each of b items an anchor set and three negatives of it, (b, C) bool each.

    `anchor` is K_a, a random subset of the known positives; `negatives` (3, b, C) are K_a \\ {s},
    K_a + {t} and K_a \\ {s} + {t} with s out of K_a and t a known negative. `exists` (3, b) says
    which there are: without a known positive none, without a known negative only the deletion.
    """

    anchor: Tensor
    negatives: Tensor
    exists: Tensor


def draw(
    positive: Tensor, negative: Tensor, cost: Tensor, room: int, *, deletes_last: bool = False
) -> Contrast:
    """Draws anchors and negatives from known positives and negatives, (b, C) bool.

    The anchor's size is uniform over 1 .. number of positives; its members, s and t are uniform.
    So that any one class can be added, an anchor takes no more than `room` less the costliest class
    (`cost` (C), in tokens). `deletes_last` takes for s the anchor's last class in column order, as
    the released code does.
    """
    count = positive.sum(1)
    # members in random order: positives first, ranks 0, 1, ... among them
    rank = _ranks(positive)
    size = (torch.rand(len(positive), device=positive.device) * count).long() + 1
    # tokens up to and including each member in that order: an anchor stops where they run out
    tokens = torch.zeros_like(rank).scatter(1, rank, positive * cost).cumsum(1)
    fits = tokens.gather(1, rank) <= room - int(cost.max())
    anchor = positive & (rank < size[:, None]) & fits
    if deletes_last:
        columns = torch.arange(anchor.shape[1], device=anchor.device)
        s = _one_hot(torch.where(anchor, columns, -1), anchor)
    else:
        s = _one_hot(torch.where(anchor, -_ranks(anchor), -anchor.shape[1] - 1), anchor)
    t = _one_hot(torch.where(negative, -_ranks(negative), -negative.shape[1] - 1), negative)
    has_anchor, has_negative = anchor.any(1), negative.any(1)
    return Contrast(
        anchor=anchor,
        negatives=torch.stack([anchor & ~s, anchor | t, (anchor & ~s) | t]),
        exists=torch.stack([has_anchor, *[has_anchor & has_negative] * 2]),
    )


def _ranks(member: Tensor) -> Tensor:
    """(b, C) -> a random order of each row's columns, members before all others."""
    draws = torch.rand(member.shape, device=member.device) + (~member)
    return draws.argsort(1).argsort(1)


def _one_hot(score: Tensor, member: Tensor) -> Tensor:
    """(b, C) bool: the member of the highest score in each row, none in a row without members."""
    out = torch.zeros_like(member).scatter(1, score.argmax(1, keepdim=True), True)
    return out & member


def hinges(anchor: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """max(0, Phi(K*) - Phi(K_a) + m): (..., b) and (3, ..., b) -> (3, ..., b)."""
    return (negatives - anchor + margin).clamp_min(0.0)
