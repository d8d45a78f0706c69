"""The residual attention block of CLIP's towers, with what tuning on cached inputs needs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

ITEMS = 32
"""Items whose widest activations are in memory at once when gradients are computed."""

LARGE = 10_000
"""Numbers in an item's tokens from which on all activations of a block are computed again for the
gradient: those of real towers (197 x 768 in ViT-B/16, 20 x 512 of a short caption), not those of
the built-in one."""

LARGE_ITEMS = 64
"""Items of a large input whose activations are in memory at once. Sums of gradients over larger
batches than this differ in their last bits from sums over all items at once."""


class Attention(nn.Module):
    """Multi-head attention; its tensors are named as those of torch.nn.MultiheadAttention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor, queries: Tensor, bias: Tensor | None) -> Tensor:
        """(n, q, d): `queries` (n, q, d) attend to `x` (n, L, d).

        `bias` is added to the logits and broadcasts to (n, heads, q, L). Plain products, since the
        fused kernels are slower backwards on CPUs and not deterministic on every GPU.
        """
        q, k, v = self._heads(x, queries)
        logits = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)
        if bias is not None:
            logits = logits + bias
        out: Tensor = self.out_proj((logits.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return out

    def weights(self, x: Tensor, queries: Tensor, bias: Tensor | None = None) -> Tensor:
        """(n, q, L): how much each query attends to each token, the mean over heads; `bias` as in
        `forward`.
        """
        q, k, _ = self._heads(x, queries)
        logits: Tensor = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)
        if bias is not None:
            logits = logits + bias
        return logits.softmax(-1).mean(1)

    def _heads(self, x: Tensor, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (n, heads, ., d / heads) each."""
        width = x.shape[2]
        q = F.linear(queries, self.in_proj_weight[:width], self.in_proj_bias[:width])
        k, v = F.linear(x, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(2, dim=2)
        q, k, v = (y.reshape(*y.shape[:2], self.heads, -1).transpose(1, 2) for y in (q, k, v))
        return q, k, v


class Scale(nn.Module):
    """One factor a channel, as some CLIP models scale their residual branches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, L, d) -> (n, L, d)."""
        return x * self.gamma


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)).

    Its tensors are named as in open_clip's ResidualAttentionBlock, so that a state dict of one
    loads into the other.
    """

    def __init__(
        self, width: int, heads: int, activation: str = "gelu", *, scaled: bool = False
    ) -> None:
        super().__init__()
        self.quick = activation == "quickgelu"
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)}
        )
        self.ls_1 = Scale(width) if scaled else nn.Identity()
        self.ls_2 = Scale(width) if scaled else nn.Identity()

    def as_identity(self) -> Block:
        """Zeroes the ends of both branches: the block starts as the identity."""
        for last in (self.attn.out_proj, self.mlp["c_proj"]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        return self

    def forward(self, x: Tensor, bias: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """(n, L, d) -> (n, L, d); with positions `at` (n, q), only those: (n, q, d).

        `bias` broadcasts to the logits (n, heads, L, L), or (n, heads, q, L) with `at`; one of four
        axes has a row for each item.
        """
        if not torch.is_grad_enabled() or x.shape[1] * x.shape[2] < LARGE:
            return self._both(x, bias, at)
        parts = [slice(start, start + LARGE_ITEMS) for start in range(0, len(x), LARGE_ITEMS)]
        outputs = [
            checkpoint(
                self._both,
                x[part],
                bias if bias is None or bias.dim() < 4 else bias[part],
                None if at is None else at[part],
                use_reentrant=False,
                preserve_rng_state=False,
                determinism_check="none",  # there are no draws, and a test pretends devices
            )
            for part in parts
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _both(self, x: Tensor, bias: Tensor | None, at: Tensor | None) -> Tensor:
        """Both branches, one after the other."""
        normed = self.ln_1(x)
        queries = normed
        if at is not None:
            rows = torch.arange(len(x), device=x.device)[:, None]
            queries, x = normed[rows, at], x[rows, at]
        x = x + self.ls_1(self.attn(normed, queries, bias))
        inner = self.mlp["c_fc"](self.ln_2(x))
        if torch.is_grad_enabled():
            # what follows is four times as wide as all else: it is computed again for the gradient
            # and not kept, a few items at a time, which halves the memory of training
            narrow = torch.cat(
                [
                    checkpoint(self._narrow, items, use_reentrant=False, preserve_rng_state=False)
                    for items in inner.split(ITEMS)
                ]
            )
        else:
            narrow = self._narrow(inner)
        out: Tensor = x + self.ls_2(narrow)
        return out

    def _narrow(self, inner: Tensor) -> Tensor:
        """(n, L, 4 d) -> (n, L, d): the activation, and the way back."""
        active = inner * torch.sigmoid(1.702 * inner) if self.quick else F.gelu(inner)
        out: Tensor = self.mlp["c_proj"](active)
        return out
