"""The last blocks of a CLIP tower, tuned, with its frozen final norm and projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hashbench.nn.blocks import Block
from hashbench.nn.tokens import Tokens


class Tower(nn.Module):
    """`blocks` are state dicts of residual attention blocks, first to last; `norm` is that of the
    final layer norm; `projection` (w, d) leads to the joint space, None leaves features as they
    are. A causal tower pools each item's last token, another one the first.
    """

    def __init__(
        self,
        blocks: Sequence[Mapping[str, Tensor]],
        norm: Mapping[str, Tensor],
        projection: Tensor | None,
        heads: int,
        activation: str,
        *,
        causal: bool,
    ) -> None:
        super().__init__()
        self.width = len(norm["weight"])
        self.out = self.width if projection is None else projection.shape[1]
        self.heads = heads
        self.activation = activation
        self.causal = causal
        self.blocks = nn.ModuleList()
        for state in blocks:
            block = Block(self.width, heads, activation, scaled="ls_1.gamma" in state)
            block.load_state_dict(state)
            self.blocks.append(block)
        self.norm = nn.LayerNorm(self.width)
        self.norm.load_state_dict(norm)
        self.norm.requires_grad_(requires_grad=False)
        self.projection: Tensor | None
        self.register_buffer("projection", None if projection is None else projection.clone())

    def hidden(self, tokens: Tokens) -> Tensor:
        """(n, L, w) all tokens after the last block, before the final norm."""
        x = tokens.values
        bias = self._mask(x.shape[1], x.device)
        for block in self.blocks:
            x = block(x, bias)
        return x

    def forward(self, tokens: Tokens) -> Tensor:
        """(n, d) pooled features; the last block computes the pooled token alone."""
        x = tokens.values
        bias = self._mask(x.shape[1], x.device)
        at = self.pooled_at(tokens)
        for block in self.blocks[:-1]:
            x = block(x, bias)
        last = bias if bias is None else bias[at, None][:, None]
        return self.finish(self.blocks[-1](x, last, at[:, None])[:, 0])

    def attention(self, tokens: Tokens) -> Tensor:
        """(n, L) how much the pooled token attends to each token in the last block, the mean over
        heads.
        """
        x = tokens.values
        bias = self._mask(x.shape[1], x.device)
        at = self.pooled_at(tokens)
        for block in self.blocks[:-1]:
            x = block(x, bias)
        last: Block = self.blocks[-1]  # type: ignore[assignment]
        normed = last.ln_1(x)
        seen = bias if bias is None else bias[at, None][:, None]
        return last.attn.weights(normed, self.pool(normed, tokens)[:, None], seen)[:, 0]

    def pooled_at(self, tokens: Tokens) -> Tensor:
        """(n) position of the token that is pooled."""
        return tokens.lengths - 1 if self.causal else torch.zeros_like(tokens.lengths)

    def pool(self, hidden: Tensor, tokens: Tokens) -> Tensor:
        """(n, L, w) -> (n, w) the pooled tokens."""
        return hidden[torch.arange(len(hidden), device=hidden.device), self.pooled_at(tokens)]

    def finish(self, x: Tensor) -> Tensor:
        """(..., w) -> (..., d): final norm and projection."""
        return self.project(self.norm(x))

    def project(self, x: Tensor) -> Tensor:
        """(..., w) -> (..., d)."""
        return x if self.projection is None else x @ self.projection

    def _mask(self, length: int, device: torch.device) -> Tensor | None:
        if not self.causal:
            return None
        return torch.full((length, length), -torch.inf, device=device).triu(1)


@dataclass(frozen=True)
class Towers:
    """Both towers from the first tuned block on."""

    image: Tower
    text: Tower
