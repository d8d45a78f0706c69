"""Probe codes: sign(G (p(x) - mean)) with the class scores p of a linear classifier."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.methods.base import Method, Stage
from hashbench.methods.context import MethodContext
from hashbench.nn.class_codes import class_projection
from hashbench.nn.heads import scaled
from hashbench.nn.linear_probe import logistic_regression, ridge_regression


class Probe(Method):
    """One classifier of each modality, on `scaled` frozen features.

    Labels that are not known count as negative, or are left out of their class's regression.
    """

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        train, C = context.train, context.train.labels.shape[1]
        shapes: dict[str, tuple[int, ...]] = {"G": (C, self.K)}
        for modality, features in (("image", train.images), ("text", train.texts)):
            shapes[f"{modality}_weight"] = (C, features.shape[1])
            shapes |= {f"{modality}_bias": (C,), f"{modality}_mean": (C,)}
        self.G: Tensor
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    def stages(self) -> list[Stage]:
        """One stage without epochs: both classifiers, the means of their scores, G."""
        return [Stage("fit", "Classifiers", epochs=0, batch_size=1)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Fits the classifiers and centres their scores by the training items."""
        train = self.context.train
        known = train.known
        if self.context.unknown == "negative":
            known = torch.ones_like(known)
        regression = ridge_regression if self._solved else logistic_regression
        for modality, features in (("image", train.images), ("text", train.texts)):
            weight, bias = regression(features, train.labels, known, self.context.real("ridge"))
            self.get_buffer(f"{modality}_weight").copy_(weight)
            self.get_buffer(f"{modality}_bias").copy_(bias)
            self.get_buffer(f"{modality}_mean").copy_(
                self._class_scores(features, modality).mean(0)
            )
        both = [self._centred(train.images, "image"), self._centred(train.texts, "text")]
        kind, seed = self.context.text("codes"), self.context.seed
        self.G.copy_(class_projection(kind, torch.cat(both), self.K, seed))

    @property
    def _solved(self) -> bool:
        return self.context.text("classifier") == "ridge"

    def _class_scores(self, features: Tensor, modality: str) -> Tensor:
        """(n, C) predicted labels of ridge regression, or probabilities of the logistic one."""
        weight, bias = (self.get_buffer(f"{modality}_{name}") for name in ("weight", "bias"))
        scores = F.linear(scaled(features), weight, bias)
        return scores if self._solved else torch.sigmoid(scores)

    def _centred(self, features: Tensor, modality: str) -> Tensor:
        return self._class_scores(features, modality) - self.get_buffer(f"{modality}_mean")

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self._centred(images, "image") @ self.G}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self._centred(texts, "text") @ self.G}
