"""DCHMT (Tu et al., MM 2022) on frozen features, or with the backbone's last blocks tuned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.dchmt.heads import NewerHead, OriginalHead
from hashbench.methods.dchmt.loss import distance_loss, quantisation
from hashbench.methods.frozen import FrozenHeads, image_features, text_features
from hashbench.nn.tokens import Tokens

_BELOW_ZERO = 1e-9  # what a tie of two logits becomes, whose bit is -1


class Dchmt(FrozenHeads):
    """Relaxed codes are K pairs of probabilities; a bit is +1 where the second one is larger."""

    def make_head(self, width: int, modality: str) -> nn.Module:
        """The head of either repository."""
        if self.context.text("head") == "original":
            return OriginalHead(width, self.K)
        return NewerHead(width, self.K, modality)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """P + Q of (v, t), (v, v) and (t, t), and quantisation where it has a weight."""
        similar, theta = self.batch_similarity(batch), self.context.real("theta")
        images, texts = self.batch_features(batch)
        c_v = torch.softmax(self.image_head(images), dim=2).flatten(1)
        c_t = torch.softmax(self.text_head(texts), dim=2).flatten(1)
        inter = distance_loss(c_v, c_t, similar, theta)
        intra = distance_loss(c_v, c_v, similar, theta) + distance_loss(c_t, c_t, similar, theta)
        binary = 0.5 * (quantisation(c_v) + quantisation(c_t))
        return {
            "across modalities": Term(inter),
            "within modalities": Term(intra),
            "quantisation": Term(binary, self.context.real("quantisation")),
        }

    def encode_image(self, images: Tensor | Tokens) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}: the second logit of a bit less the first one."""
        return {self.K: _difference(self.image_head(image_features(self.towers, images)))}

    def encode_text(self, texts: Tensor | Tokens) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: _difference(self.text_head(text_features(self.towers, texts)))}


def _difference(logits: Tensor) -> Tensor:
    difference = logits[..., 1] - logits[..., 0]
    return torch.where(difference > 0, difference, difference - _BELOW_ZERO)
