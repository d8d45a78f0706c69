"""A small causal text tower, with words for tokens, for tests of prompts and search."""

from __future__ import annotations

import torch
from torch import Tensor


class WordTower:
    """What `hashbench.methods.base.TextTower` asks for; every word is one token, hashed.

    A hidden state depends on the tokens up to its place, and on their places. In double precision,
    so that a fast and a plain computation agree to the last comparison.
    """

    vocabulary = 500

    def __init__(
        self, width: int = 16, context: int = 40, seed: int = 0, order: float = 1.0
    ) -> None:
        """`order` says how much the places of tokens matter."""
        self.width, self.context, self.scale = width, context, 20.0
        self.start, self.end = 1, 2
        self.calls = 0
        generator = torch.Generator().manual_seed(seed)
        shapes = [(self.vocabulary, width), (context, width), (width, width), (width, width)]
        self.table, self.positions, self.inner, self.outer = (
            torch.randn(shape, generator=generator, dtype=torch.double) for shape in shapes
        )
        self.positions *= order
        self.inner, self.outer = self.inner / width**0.5, self.outer / width**0.5

    def token_ids(self, text: str) -> list[int]:
        return [3 + sum(map(ord, word)) % (self.vocabulary - 3) for word in text.split()]

    def embed(self, ids: Tensor) -> Tensor:
        return self.table[ids]

    def __call__(self, tokens: Tensor, ends: Tensor) -> Tensor:
        length = tokens.shape[1]
        assert length <= self.context, "a prompt is longer than the context"
        self.calls += 1
        inner = torch.tanh((tokens * (1 + self.positions[:length])) @ self.inner)
        hidden = torch.sin(inner.cumsum(1) @ self.outer)
        return hidden[torch.arange(len(tokens)), ends]
