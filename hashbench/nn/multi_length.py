"""Several code lengths learned at once from one feature, plus an auxiliary length.

CMCL (Zhang et al., TKDE 2024) introduced it; PromptHash and PGHMH train this way.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.monitors import signs
from hashbench.nn.pairwise_losses import Similarity, likelihood

RelaxedCodes = dict[int, Tensor]
"""Bit length K -> relaxed codes (n, K)."""


class ResidualMLP(nn.Module):
    """x + W2 dropout(GELU(W1 norm(x))), `depth` times; (n, d) -> (n, d)."""

    def __init__(self, width: int, dropout: float, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 4 * width),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(4 * width, width),
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, d) -> (n, d)."""
        for layer in self.layers:
            x = x + layer(x)
        return x


class JointHeads(nn.Module):
    """h_K = tanh(W_K x) for each length K; decoders lead from the others to the auxiliary one.

    `weights` holds the weight of each length in a loss: the auxiliary one mu, the others 1.
    """

    def __init__(self, width: int, bits: tuple[int, ...], auxiliary: int, mu: float) -> None:
        super().__init__()
        self.auxiliary = auxiliary
        self.weights = dict.fromkeys(bits, 1.0) | {auxiliary: mu}
        self.heads = nn.ModuleDict({str(K): nn.Linear(width, K) for K in self.weights})
        self.decoders = nn.ModuleDict(
            {
                str(K): nn.Sequential(
                    nn.Linear(K, auxiliary), nn.ReLU(), nn.Linear(auxiliary, auxiliary), nn.Tanh()
                )
                for K in self.weights
                if auxiliary != K
            }
        )

    def forward(self, x: Tensor) -> RelaxedCodes:
        """(n, d) -> {K: (n, K)}."""
        return {K: torch.tanh(self.heads[str(K)](x)) for K in self.weights}

    def reconstruction(self, codes: RelaxedCodes, target: Tensor) -> Tensor:
        """sum_K |dec_K(h_K) - B|^2 / n, with the auxiliary binary codes B (n, auxiliary)."""
        errors = [
            (decoder(codes[int(K)]) - target).square().sum(1).mean()
            for K, decoder in self.decoders.items()
        ]
        return torch.stack(errors).sum() if errors else target.new_zeros(())


class Memories(nn.Module):
    """Relaxed codes of the training set for each stream and length, and the signs B_K that they
    are drawn to: one for all streams, or one for each where they are not `unified`.

    Codes start at zero, so that a batch is not drawn to partners that were not seen yet (the
    releases start them with noise), B at random signs. Rows get no gradient. `weights` maps the
    lengths K to w_K, the weight of each in a loss.
    """

    def __init__(
        self,
        count: int,
        weights: Mapping[int, float],
        streams: tuple[str, ...],
        *,
        unified: bool = True,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.streams = streams
        self._targets = {stream: "B" if unified else f"B_{stream}" for stream in streams}
        for K in weights:
            for name in (*streams, *dict.fromkeys(self._targets.values())):
                self.register_buffer(f"{name}_{K}", torch.zeros(count, K))

    def of(self, stream: str, K: int) -> Tensor:
        """(N, K) the memory of a stream at a length."""
        return self.get_buffer(f"{stream}_{K}")

    def target(self, stream: str, K: int) -> Tensor:
        """(N, K) the signs that a stream is drawn to at a length."""
        return self.get_buffer(f"{self._targets[stream]}_{K}")

    def begin(self) -> None:
        """Draws B from torch's global generator."""
        for K in self.weights:
            for name in dict.fromkeys(self._targets.values()):
                B = self.get_buffer(f"{name}_{K}")
                B.copy_(signs(torch.randn(B.shape)).to(B.device))

    def remember(self, stream: str, index: Tensor, codes: RelaxedCodes) -> None:
        """Writes the codes of a batch into its rows."""
        for K in self.weights:
            self.of(stream, K)[index] = codes[K].detach()

    def refresh(self) -> None:
        """B_K = the sign of the sum over the streams that share it; once an epoch."""
        for K in self.weights:
            for name in dict.fromkeys(self._targets.values()):
                shared = [s for s in self.streams if self._targets[s] == name]
                total = torch.stack([self.of(s, K) for s in shared]).sum(0)
                self.get_buffer(f"{name}_{K}").copy_(signs(total))

    def likelihood(self, stream: str, codes: RelaxedCodes, similar: Similarity) -> Tensor:
        """sum_K w_K J(memory of the stream, codes), see `nn.pairwise_losses.likelihood`."""
        return torch.stack(
            [w * likelihood(self.of(stream, K), codes[K], similar) for K, w in self.weights.items()]
        ).sum()

    def quantisation(self, stream: str, index: Tensor, codes: RelaxedCodes) -> Tensor:
        """sum_K w_K |h_K - B_K|^2 / (n K), with the B_K that the stream is drawn to."""
        return torch.stack(
            [
                w * F.mse_loss(codes[K], self.target(stream, K)[index])
                for K, w in self.weights.items()
            ]
        ).sum()
