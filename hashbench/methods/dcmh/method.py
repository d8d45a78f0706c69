"""DCMH (Jiang and Li, CVPR 2017, eq. 1) on frozen features.

Symbols: F (N, K) and G (N, K) are the codes of images and texts of the training set, B their
common signs. The paper's convolutional network is a hidden layer on frozen features here, as its
text network is; there is no tanh, so that codes are not bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.frozen import FrozenHeads
from hashbench.nn import monitors
from hashbench.nn.heads import UnboundedHead
from hashbench.nn.pairwise_losses import likelihood, per_pair, similarity


class Dcmh(FrozenHeads):
    """F and G are memories: each network learns from the other's, which it does not move.

    The official code trains the text network for an epoch and the image network for the next; both
    take turns within each step here, which is the same loss on fresher codes.
    """

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        self.F: Tensor
        self.G: Tensor
        self.B: Tensor
        for name in ("F", "G", "B"):
            self.register_buffer(name, torch.zeros(len(context.train), self.K))

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """d - hidden - ReLU - K."""
        return UnboundedHead(width, (self.context.whole("hidden"),), self.K)

    def stages(self) -> Sequence[Stage]:
        """One stage, whose learning rate falls geometrically."""
        ratio = self.context.real("lr_end") / max(self.context.real("lr"), 1e-30)

        def geometric(initial: float, progress: float) -> float:
            return float(initial * ratio**progress)

        size = self.context.whole("batch_size")
        return [Stage("hash", "Hash networks", self.context.whole("epochs"), size, geometric)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Memories start at zero, as the official code's, or with noise, as a port's."""
        if self.context.text("memory_start") == "normal":
            for memory in (self.F, self.G):
                memory.copy_(torch.randn(memory.shape))
        self.B.copy_(monitors.signs(self.F + self.G))

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """Adam, or plain SGD as published."""
        if self.context.text("optimiser") == "sgd":
            return torch.optim.SGD(self.parameters(), lr=self.context.real("lr"))
        return torch.optim.Adam(self.parameters(), lr=self.context.real("lr"), fused=True)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """sum_ij [softplus(theta_ij) - S_ij theta_ij] + gamma |B - F|^2 + eta |F^T 1|^2, / N n.

        theta = 1/2 F G^T; the same for G. The sums of the batch are over its n rows of F and all
        N of G, so that the pairs' part is a mean, as in the official code's gradients.
        """
        train, index = self.context.train, batch.index
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        per_bit = per_pair(self.K, len(self.B))
        f, g = self.image_head(batch.images), self.text_head(batch.texts)
        # the rows of a batch are overwritten first, so that sums over the memory hold them once
        self.F[index], self.G[index] = f.detach(), g.detach()
        target = self.B[index]
        quantisation = (f - target).square().mean() + (g - target).square().mean()
        pairs = len(self.B) * len(index)
        balance = _balance(self.F, index, f) + _balance(self.G, index, g)
        return {
            "likelihood": Term(likelihood(self.G, f, S) + likelihood(self.F, g, S)),
            "quantisation": Term(quantisation, self.context.real("gamma") * per_bit),
            "balance": Term(balance, self.context.real("eta") / pairs),
        }

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """B = sign(F + G)."""
        self.B.copy_(monitors.signs(self.F + self.G))
        return {
            "sign disagreement": monitors.sign_disagreement(self.F, self.B),
            "bit balance": monitors.bit_balance(self.F),
            "distinct codes": monitors.distinct_codes(self.F),
        }


def _balance(memory: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    """|F^T 1|^2, in which the gradient reaches the batch's `rows` (n, K) of F (N, K)."""
    others = memory.sum(0) - memory[index].sum(0)
    return (others + rows.sum(0)).square().sum()
