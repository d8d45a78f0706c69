"""Complementary semantic augmentation: items are mixed with items that know what they do not."""

from __future__ import annotations

import torch
from torch import Tensor

_BLOCK = 1024


def complementary_partners(
    unknown: Tensor, positive: Tensor, top: int, *, smallest: bool = False
) -> Tensor:
    """(n, top) for each item the items whose positive classes cover most of its unknown ones.

    delta_ij = <U[l_i], P[l_j]> / <U[l_i], U[l_i]>, with U and P (n, C) bool (PCRIL). The
    denominator is the same for a row and does not change its order; of equals the first come first.
    An item is not its own partner, but where another one would complete nothing (delta_ij = 0) the
    item itself stands in its place, and mixing leaves it as it is. `smallest` takes the least
    overlap instead, as the released code does through a wrap-around of unsigned integers.
    """
    n = len(unknown)
    top = min(top, max(1, n - 1))
    partners = []
    for first in range(0, n, _BLOCK):
        overlap = unknown[first : first + _BLOCK].float() @ positive.float().T
        own = torch.arange(first, first + len(overlap), device=overlap.device)[:, None]
        order = -overlap if smallest else overlap
        if n > 1:
            order.scatter_(1, own, -torch.inf)
        best = order.sort(dim=1, descending=True, stable=True)
        chosen = best.indices[:, :top]
        completes = smallest | (best.values[:, :top] > 0)
        partners.append(torch.where(completes, chosen, own))
    return torch.cat(partners)


def mix(own: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    """lambda x_i + (1 - lambda) x_j, with gradient into `share`, which is lambda."""
    return share * own + (1.0 - share) * partner
