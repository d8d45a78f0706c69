"""DJSRH (Su et al., ICCV 2019) on frozen features.

The release (github zzs1994/DJSRH) trains an AlexNet and compares images by the features of a second
one that is frozen; here both are the backbone's. It leaves out an epoch's last, smaller batch and
has rates of 0.001 for the tuned image network and 0.01 for texts; both heads have one here.
"""

from __future__ import annotations

from torch import Tensor

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.frozen import AnnealedHeads
from hashbench.nn.feature_similarity import djsrh_similarity, structure_loss


class Djsrh(AnnealedHeads):
    """Cosines between codes of a batch reconstruct its joint similarity."""

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """mse(cos(v, t), S) + l1 mse(cos(v, v), S) + l2 mse(cos(t, t), S)."""
        real = self.context.real
        S = self.joint_similarity(batch)
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        return {
            "inter": Term(structure_loss(h_v, h_t, S)),
            "image": Term(structure_loss(h_v, h_v, S), real("image")),
            "text": Term(structure_loss(h_t, h_t, S), real("text")),
        }

    def joint_similarity(self, batch: Batch) -> Tensor:
        """S (n, n) of a batch."""
        beta, eta, mu = (self.context.real(name) for name in ("beta", "eta", "mu"))
        return djsrh_similarity(batch.images, batch.texts, beta, eta, mu)
