"""MITH's local branch: K concepts gathered from the tokens of an item, one for each bit."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.blocks import Block

LAYERS = 2
HEADS = 8
_FEW_HEADS = 1  # where the width cannot be divided by 8


def concept_weights(scores: Tensor, content: Tensor, strongest: int) -> Tensor:
    """(n, L, K) what each token adds to each concept; over the tokens they add up to 1, or are 0.

    `scores` (n, L, K) are token-concept scores in (-1, 1), `content` (n, L) marks tokens that
    count. A token speaks for concepts with a positive score, and for its `strongest` ones at most;
    softmax over the tokens that speak for a concept. A concept without any has weights of 0.
    """
    K = scores.shape[2]
    least = scores.topk(min(strongest, K), dim=2).values[:, :, -1:]
    speaks = (scores > 0) & (scores >= least) & content[:, :, None]
    # an empty column would be a softmax over nothing, which is no number
    some = speaks.any(dim=1, keepdim=True)
    weights = scores.masked_fill(~speaks, -torch.inf).masked_fill(~some, 0.0).softmax(dim=1)
    return weights * some


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) sines and cosines of the place, in turn (Vaswani et al., NIPS 2017, 3.5)."""
    place = torch.arange(length)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(place * rate)
    table[:, 1::2] = torch.cos(place * rate)[:, : width // 2]
    return table


class LocalConcepts(nn.Module):
    """Concepts (n, K, d) through two transformer layers, and from each the bit that it stands for.

    Bit k is tanh(w_k . z_k + b_k): a row of its own for each concept.
    """

    def __init__(self, width: int, bits: int, strongest: int) -> None:
        super().__init__()
        self.strongest = strongest
        self.places: Tensor
        self.register_buffer("places", sinusoids(bits, width) / math.sqrt(width), persistent=False)
        heads = HEADS if width % HEADS == 0 else _FEW_HEADS
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(LAYERS))
        self.weight = nn.Parameter(torch.randn(bits, width) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(bits))
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor, scores: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, L, d), their scores (n, L, K) and which count (n, L) -> h (n, K), z (n, K, d).

        z are unit vectors, to be aligned with the other modality's.
        """
        weights = concept_weights(scores, content, self.strongest)
        concepts = weights.transpose(1, 2) @ tokens + self.places
        for block in self.blocks:
            concepts = block(concepts)
        h = torch.tanh((concepts * self.weight).sum(2) + self.bias)
        return h, F.normalize(self.project(concepts), dim=2)


def concept_alignment(z: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Mean over items of the symmetric cross entropy that tells concept k of an image, among the K
    of its text, from the others, and back. z and `other` (n, K, d) are unit vectors.
    """
    logits = z @ other.transpose(1, 2) / temperature
    n, K, _ = logits.shape
    own = torch.arange(K, device=z.device).repeat(n)
    by_image = F.cross_entropy(logits.flatten(0, 1), own)
    by_text = F.cross_entropy(logits.transpose(1, 2).flatten(0, 1), own)
    return 0.5 * (by_image + by_text)


def distillation(h_global: Tensor, h_local: Tensor) -> Tensor:
    """[|sg(h_g) - h_l|^2 + 0.1 |h_g - sg(h_l)|^2] / n, sg without a gradient; (n, K) each."""
    toward_global = (h_global.detach() - h_local).square()
    toward_local = (h_global - h_local.detach()).square()
    return (toward_global + 0.1 * toward_local).sum(1).mean()
