"""CCA-ITQ (Gong et al., TPAMI 2013), unsupervised over pairs or supervised by labels."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.methods.linear import LinearCodes
from hashbench.nn.projections import (
    canonical,
    itq_rotation,
    principal_directions,
    whitened_regression,
)


class CcaItq(LinearCodes):
    """Canonical directions, scaled by their correlations and rotated by ITQ."""

    def fit(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """One projection for each modality."""
        W_v, W_t = self._by_labels(V, T) if self._supervised else self._by_pairs(V, T)
        stacked = torch.cat([V @ W_v, T @ W_t])
        rounds, seed = self.context.whole("rounds"), self.context.seed
        R = itq_rotation(stacked, self.K, rounds, seed)
        return W_v @ R, W_t @ R

    @property
    def _supervised(self) -> bool:
        return self.context.text("correlate") == "labels"

    def _by_pairs(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """The K first canonical directions of images and texts, times their correlations."""
        self.refuse_more_bits_than(min(V.shape[1], T.shape[1]))
        W_v, W_t, s = canonical(V, T, self.context.real("ridge"))
        return (W_v * s)[:, : self.K], (W_t * s)[:, : self.K]

    def _by_labels(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """Each modality's canonical directions with the labels, times their correlations.

        They are turned into the one space of the whitened labels, where both modalities share a
        rotation: see `whitened_regression`. Of its C dimensions the first K principal ones remain;
        where there are more bits than dimensions, ITQ gives a frame.
        """
        L, ridge = self._centred_labels(), self.context.real("ridge")
        W_v, W_t = (whitened_regression(X, L, ridge) for X in (V, T))
        stacked = torch.cat([V @ W_v, T @ W_t])
        P = principal_directions(stacked.T @ stacked / len(stacked), min(self.K, L.shape[1]))
        return W_v @ P, W_t @ P

    def _centred_labels(self) -> Tensor:
        """(n, C) labels less the mean of the known ones; unknown ones are 0, or 0 before that."""
        labels, known = self.context.train.labels.double(), self.context.train.known
        if self.context.unknown == "negative":
            return labels - labels.mean(0)
        mean = labels.sum(0) / known.sum(0).clamp_min(1)
        return torch.where(known, labels - mean, 0.0)
