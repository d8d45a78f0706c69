"""Zero-shot label codes: sign(G a(x)) with the scores a of the class names' prompts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.methods.base import Method, Stage
from hashbench.methods.context import MethodContext
from hashbench.nn.class_codes import class_projection

_LOGIT_SCALE = 100.0  # 1 / tau of CLIP


class ZeroShot(Method):
    """a_c(x) = cos(x, e_c), standardised for each class and modality over the training items."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        width, C = context.train.images.shape[1], len(context.class_names)
        shapes = {
            "prompts": (C, width),
            "image_mean": (C,),
            "text_mean": (C,),
            "image_std": (C,),
            "text_std": (C,),
            "G": (C, self.K),
        }
        self.prompts: Tensor
        self.G: Tensor
        for name, shape in shapes.items():
            self.register_buffer(name, torch.ones(shape))

    def stages(self) -> list[Stage]:
        """One stage without epochs: prompts, means and deviations."""
        return [Stage("fit", "Class prompts", epochs=0, batch_size=1)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Encodes the prompts of all class names; no label is used."""
        template, train = self.context.text("template"), self.context.train
        names = self.context.class_names
        prompts = self.context.prompts([template.replace("{}", name) for name in names])
        self.prompts.copy_(F.normalize(prompts, dim=1))
        for modality, features in (("image", train.images), ("text", train.texts)):
            scores = self._raw_scores(features)
            self.get_buffer(f"{modality}_mean").copy_(scores.mean(0))
            if self.context.text("scores") == "standardised":
                self.get_buffer(f"{modality}_std").copy_(scores.std(0).clamp_min(1e-6))
        both = [self._scores(train.images, "image"), self._scores(train.texts, "text")]
        kind, seed = self.context.text("codes"), self.context.seed
        self.G.copy_(class_projection(kind, torch.cat(both), self.K, seed))

    def _raw_scores(self, features: Tensor) -> Tensor:
        cosines = F.normalize(features, dim=1) @ self.prompts.T
        if self.context.text("scores") == "softmax":
            return torch.softmax(_LOGIT_SCALE * cosines, dim=1)
        return cosines

    def _scores(self, features: Tensor, modality: str) -> Tensor:
        """(n, C) scores whose mean over the training items is 0."""
        centred = self._raw_scores(features) - self.get_buffer(f"{modality}_mean")
        return centred / self.get_buffer(f"{modality}_std")

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self._scores(images, "image") @ self.G}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: self._scores(texts, "text") @ self.G}
