"""Codes of the true labels, whose distances follow which items share a label."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hashbench.methods.base import Method, Stage
from hashbench.methods.context import MethodContext
from hashbench.nn.projections import itq_rotation, principal_directions

_ANCHORS = 1000
_ITQ_ROUNDS = 50
_LEAST = 1e-9  # eigenvalues below are rounding


class Oracle(Method):
    """Image and text of an item get one code, that of its label set. It encodes nothing else.

    S_ij = 1 where anchors i and j, training items, share a label. With the K largest eigenvalues of
    the centred S = U diag(l) U^T, an item whose similarities with the anchors are s has the place
    s U diag(l)^-1/2 (Nystrom's extension), so that inner products of places are similarities. ITQ
    turns places to signs. Projections of the labels themselves give far weaker codes, since items
    that share one label of several are relevant to each other, too.
    """

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        labels = context.train.labels[:_ANCHORS]
        self.anchors: Tensor
        self.mean: Tensor
        self.projection: Tensor
        self.offset: Tensor
        self.register_buffer("anchors", torch.zeros_like(labels))
        self.register_buffer("mean", torch.zeros(len(labels)))
        self.register_buffer("projection", torch.zeros(len(labels), self.K))
        self.register_buffer("offset", torch.zeros(self.K))

    def stages(self) -> list[Stage]:
        """One stage without epochs: anchors and their projection."""
        return [Stage("fit", "Label codes", epochs=0, batch_size=1)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Solves for the projection, by the known labels of the anchors."""
        self.anchors.copy_(self.context.train.labels[:_ANCHORS])
        S = (self.anchors @ self.anchors.T > 0).double()
        self.mean.copy_(S.mean(0))
        centred = S - S.mean(0) - S.mean(1, keepdim=True) + S.mean()
        U = principal_directions(centred, min(self.K, len(S)))
        values = (U * (centred @ U)).sum(0)
        W = U * torch.where(values > _LEAST, values.clamp_min(_LEAST).rsqrt(), 0.0)
        places = self._similarities(self.anchors).double() @ W
        R = itq_rotation(places - places.mean(0), self.K, _ITQ_ROUNDS, self.context.seed)
        self.projection.copy_(W @ R)
        self.offset.copy_(places.mean(0) @ R)

    def _similarities(self, labels: Tensor) -> Tensor:
        """(n, C) -> (n, anchors), less the anchors' means and the item's own."""
        s = (labels.to(self.anchors) @ self.anchors.T > 0).to(self.mean) - self.mean
        return s - s.mean(1, keepdim=True)

    def encode_published(
        self,
        images: Any,  # noqa: ARG002
        texts: Any,  # noqa: ARG002
        labels: Tensor,
    ) -> dict[str, dict[int, Tensor]]:
        """Labels (n, C) -> one code for both modalities."""
        codes = {self.K: self._similarities(labels) @ self.projection - self.offset}
        return {"image": codes, "text": codes}
