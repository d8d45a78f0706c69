"""Classes predicted from the features of one modality, for the prompts of items without labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.heads import scaled
from hashbench.nn.linear_probe import logistic_regression

_ZERO_SHOT_MARGIN = 1.0  # standard deviations above a class's mean score where zero-shot is at 1/2
_ZERO_SHOT_SLOPE = 2.0


class ClassPredictor(nn.Module):
    """(n, d) features of one modality -> (n, C) class probabilities, from that modality alone.

    Either learned from the training labels (`fit`) or from the class names (`from_names`). Training
    items are predicted by further predictors, one for each of `folds`, that did not see the items
    of their fold: predictions for items that a predictor was fitted on are too good, and a method
    trained with them meets worse ones at encoding. With one fold they get those too good ones.

    All weights are buffers: nothing that is trained later changes what is predicted. `items` is the
    number of training items, whose folds are drawn from `seed`.
    """

    def __init__(self, width: int, classes: int, items: int, folds: int, seed: int) -> None:
        super().__init__()
        folds = min(folds, items)
        self.weight: Tensor
        self.bias: Tensor
        self.fold_weight: Tensor
        self.fold_bias: Tensor
        self.fold_of: Tensor
        self.register_buffer("weight", torch.zeros(classes, width))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("fold_weight", torch.zeros(folds, classes, width))
        self.register_buffer("fold_bias", torch.zeros(folds, classes))
        drawn = torch.randperm(items, generator=torch.Generator().manual_seed(seed)) % folds
        self.register_buffer("fold_of", drawn, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, C)."""
        return torch.sigmoid(F.linear(scaled(features), self.weight, self.bias))

    def held_out(self, features: Tensor, index: Tensor) -> Tensor:
        """(n, d) features of the training items `index` (n) -> (n, C), by predictors that did not
        see these items.
        """
        fold = self.fold_of[index]
        logits = torch.einsum("nd,ncd->nc", scaled(features), self.fold_weight[fold])
        probabilities: Tensor = torch.sigmoid(logits + self.fold_bias[fold])
        return probabilities

    def fit(
        self,
        features: Tensor,
        labels: Tensor,
        known: Tensor,
        ridge: float,
        available: Tensor | None = None,
    ) -> None:
        """Logistic regression of each class with a ridge penalty on the training items.

        `labels` and `known` are (n, C); items that are not `available` (n) are left out.
        """
        usable = torch.ones_like(self.fold_of, dtype=torch.bool) if available is None else available

        def solved(rows: Tensor) -> tuple[Tensor, Tensor]:
            return logistic_regression(features[rows], labels[rows], known[rows], ridge)

        self.weight[:], self.bias[:] = solved(usable)
        for fold in range(len(self.fold_bias)):
            others = self.fold_of != fold
            if len(self.fold_bias) == 1:
                others = torch.ones_like(others)
            self.fold_weight[fold], self.fold_bias[fold] = solved(usable & others)

    def from_names(self, prompts: Tensor, features: Tensor) -> None:
        """Zero-shot: cosines with the prompts (C, d) of the class names, standardised per class.

        Means and deviations are those of unlabelled `features` (n, d); a probability of one half
        is one standard deviation above the class's mean.
        """
        names = F.normalize(prompts, dim=1)
        scores = F.normalize(features, dim=1) @ names.T
        mean, deviation = scores.mean(0), scores.std(0).clamp_min(1e-6)
        scale = _ZERO_SHOT_SLOPE / features.shape[1] ** 0.5
        self.weight.copy_(scale * names / deviation[:, None])
        self.bias.copy_(-_ZERO_SHOT_SLOPE * (mean / deviation + _ZERO_SHOT_MARGIN))
        # no label was used, so that there is nothing to hold out
        self.fold_weight.copy_(self.weight.expand_as(self.fold_weight))
        self.fold_bias.copy_(self.bias.expand_as(self.fold_bias))
