"""DSPH (Huo et al., TCSVT 2023) on frozen features."""

from __future__ import annotations

import torch
from torch import nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.dsph.loss import irrelevant_pairs, proxy_attraction, proxy_repulsion
from hashbench.methods.dsph.threshold import cosine_threshold
from hashbench.methods.frozen import FrozenHeads
from hashbench.nn.heads import LinearHashHead

_MOMENTUM = 0.9


class Dsph(FrozenHeads):
    """Modalities meet at the proxies: no term draws an item's image to its text, as released."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        classes = context.train.labels.shape[1]
        self.proxies = nn.Parameter(torch.empty(classes, self.K))
        nn.init.kaiming_normal_(self.proxies, mode="fan_out")
        self.zeta = cosine_threshold(self.K, classes)

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """tanh(dropout(W x + b))."""
        return LinearHashHead(width, self.K, self.context.real("dropout"))

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam for the heads, SGD at a constant rate for the proxies."""
        lr, decay = self.context.real("proxy_lr"), self.context.real("proxy_decay")
        return self.optimiser_with_proxies(self.proxies, lr, _MOMENTUM, decay)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """Attraction and repulsion of both modalities, and irrelevant pairs of all three kinds."""
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        known = self.counted_labels(batch)
        similar = self.batch_similarity(batch)
        several = batch.labels.sum(1) > 1  # items of one label leave their pairs to the proxies
        positive = [proxy_attraction(h, self.proxies, batch.labels) for h in (h_v, h_t)]
        negative = [
            proxy_repulsion(h, self.proxies, batch.labels, known, self.zeta) for h in (h_v, h_t)
        ]
        pairs = [
            irrelevant_pairs(x, y, similar, several, self.zeta)
            for x, y in ((h_v, h_v), (h_t, h_t), (h_v, h_t))
        ]
        return {
            "attraction": Term(torch.stack(positive).sum()),
            "repulsion": Term(torch.stack(negative).sum()),
            "irrelevant pairs": Term(torch.stack(pairs).sum(), self.context.real("alpha")),
        }
