"""MITH (Liu et al., ACM MM 2023) on pooled, frozen features: its global branch.

The paper adds K concepts that are gathered from patch and word tokens; its release (github
DarrenZZhang/MM23-MITH) encodes with the sum of both branches, signs of h_g + h_local. Tokens are
83 kB an item and not at hand here, so that the local branch and its terms are left out.

Symbols: g are refined features (n, d), h codes (n, K), M their memories (N, K).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.methods.base import Batch, Method, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.nn import monitors
from hashbench.nn.contrastive_losses import info_nce
from hashbench.nn.heads import scaled
from hashbench.nn.multi_length import ResidualMLP
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.pairwise_losses import likelihood, similarity


class Mith(Method):
    """One residual network and one linear head for both modalities."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        width = context.train.images.shape[1]
        self.refine = ResidualMLP(width, dropout=0.0)
        self.head = nn.Linear(width, self.K, bias=False)
        self.M_v: Tensor
        self.M_t: Tensor
        self.register_buffer("M_v", torch.zeros(len(context.train), self.K))
        self.register_buffer("M_t", torch.zeros(len(context.train), self.K))

    def stages(self) -> Sequence[Stage]:
        """One stage."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("hash", "Refinement and codes", epochs, size, warm_cosine)]

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam, as released."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return grouped(self, (), lr, decay, "bertadam")

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """J(M_v, h_t) + J(M_t, h_v), mean squared distances to B = sign(h_v + h_t), NCE(g_v, g_t).

        B is that of the batch and gets no gradient. Memories take the codes before they are used.
        """
        train, real = self.context.train, self.context.real
        g_v, g_t = self.refine(scaled(batch.images)), self.refine(scaled(batch.texts))
        h_v, h_t = torch.tanh(self.head(g_v)), torch.tanh(self.head(g_t))
        self.M_v[batch.index], self.M_t[batch.index] = h_v.detach(), h_t.detach()
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        B = monitors.signs((h_v + h_t).detach())
        terms = {
            "inter": Term(
                likelihood(self.M_v, h_t, S) + likelihood(self.M_t, h_v, S), real("inter")
            ),
            "quantisation": Term(F.mse_loss(h_v, B) + F.mse_loss(h_t, B), real("quantisation")),
            "alignment": Term(info_nce(g_v, g_t, real("temperature")), real("alignment")),
        }
        return {name: term for name, term in terms.items() if term.weight}

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Watches the codes of the memories."""
        return {
            "sign disagreement": monitors.sign_disagreement(self.M_v, self.M_t),
            "bit balance": monitors.bit_balance(self.M_v),
            "distinct codes": monitors.distinct_codes(self.M_v),
        }

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self.head(self.refine(scaled(images)))}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return self.encode_image(texts)
