"""CLIPMH on frozen features: gated fusion of image and text into one code an item.

The release (github HackerHyper/CLIPMH) holds the network alone, no loss and no training. The loss
here is that of the other method of fused codes, PGHMH: the likelihood of pairs against a memory of
the training set, with a term that draws codes to signs.

Symbols: v, t are features (n, d), x the fused one (n, 2 hidden), h codes, M their memory (N, K).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Method, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.nn import monitors
from hashbench.nn.heads import scaled
from hashbench.nn.multi_length import Memories
from hashbench.nn.optim import grouped, warm_cosine
from hashbench.nn.pairwise_losses import similarity

STREAM = "mm"


class ClipMh(Method):
    """x = [tanh(A v); tanh(B t)], h = tanh(W (sigmoid(G x) * x))."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        hidden = context.whole("hidden")
        self.image_layer = nn.Linear(context.train.images.shape[1], hidden)
        self.text_layer = nn.Linear(context.train.texts.shape[1], hidden)
        gated = context.flag("gated")
        self.gate = nn.Linear(2 * hidden, 2 * hidden, bias=False) if gated else None
        self.head = nn.Linear(2 * hidden, self.K)
        self.memories = Memories(len(context.train), {self.K: 1.0}, (STREAM,))

    def stages(self) -> Sequence[Stage]:
        """One stage."""
        epochs, size = self.context.whole("epochs"), self.context.whole("batch_size")
        return [Stage("hash", "Fusion and codes", epochs, size, warm_cosine)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Draws the signs that codes are drawn to in the first epoch."""
        self.memories.begin()

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam, as PGHMH's release."""
        lr, decay = self.context.real("lr"), self.context.real("weight_decay")
        return grouped(self, (), lr, decay, "bertadam")

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """J(M, h) over pairs, and the mean squared distance to the memory's signs."""
        train = self.context.train
        h = self._codes(batch.images, batch.texts)
        self.memories.remember(STREAM, batch.index, h)
        S = similarity(train.labels, train.known, batch.labels, batch.known, self.context.unknown)
        distance = self.memories.quantisation(STREAM, batch.index, h)
        return {
            "pairwise": Term(self.memories.likelihood(STREAM, h, S)),
            "quantisation": Term(distance, self.context.real("quantisation")),
        }

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Refreshes the signs; watches the codes."""
        self.memories.refresh()
        codes = self.memories.of(STREAM, self.K)
        return {
            "bit balance": monitors.bit_balance(codes),
            "distinct codes": monitors.distinct_codes(codes),
        }

    def encode_mm(self, images: Tensor, texts: Tensor, available: Tensor) -> dict[int, Tensor]:
        """Image and text (n, d) -> {K: (n, K)}; what is not `available` (n, 2) is left at 0."""
        return self._codes(images, texts, available.to(images.dtype))

    def _codes(
        self, images: Tensor, texts: Tensor, available: Tensor | None = None
    ) -> dict[int, Tensor]:
        v = torch.tanh(self.image_layer(scaled(images)))
        t = torch.tanh(self.text_layer(scaled(texts)))
        if available is not None:
            v, t = v * available[:, :1], t * available[:, 1:]
        x = torch.cat([v, t], dim=1)
        if self.gate is not None:
            x = torch.sigmoid(self.gate(x)) * x
        return {self.K: torch.tanh(self.head(x))}
