"""Which items lack their image or their text: a property of the item, drawn once from the seed."""

from __future__ import annotations

import torch
from torch import Tensor


def complete(count: int, device: torch.device) -> Tensor:
    """(n, 2): all items have both."""
    return torch.ones(count, 2, dtype=torch.bool, device=device)


def drawn_per_item(numbers: Tensor, seed: int, no_image: float, no_text: float) -> Tensor:
    """(n, 2) whether items have an image and a text, given their places in the dataset (n).

    A share of `no_image` lacks the image and another one, of `no_text`, the text. A function of
    place and seed alone: an item lacks the same in training and in the database, in any batch.
    """
    mixed = numbers * 0x9E3779B1 + seed * 0x85EBCA77 + 0x2545F491
    for shift in (15, 13, 16):  # an integer hash: shifts, xors, odd factors
        mixed = ((mixed ^ (mixed >> shift)) * 0x2C1B3C6D) & 0x7FFFFFFF
    return _lacking(mixed.double() / 2**31, no_image, no_text)


def dropped(available: Tensor, share: float) -> Tensor:
    """Modality dropout: a `share` of the complete items among (n, 2) loses one of the two, drawn
    from torch's global generator.
    """
    draw = torch.rand(len(available)).to(available.device)
    kept = _lacking(draw, share / 2, share / 2)
    return torch.where(available.all(1, keepdim=True), kept, available)


def _lacking(draw: Tensor, no_image: float, no_text: float) -> Tensor:
    """Uniform draws (n) from 0 to 1 -> (n, 2)."""
    without_image = draw < no_image
    without_text = (draw >= no_image) & (draw < no_image + no_text)
    return ~torch.stack([without_image, without_text], dim=1)
