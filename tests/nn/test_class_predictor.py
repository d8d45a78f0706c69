"""Class predictors: what is fitted on what, and who predicts whom."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.nn.class_predictor import ClassPredictor

ITEMS, WIDTH, CLASSES = 60, 40, 3


def noise() -> tuple[Tensor, Tensor, Tensor]:
    """Features that tell nothing of the labels: whoever predicts well has seen the items."""
    torch.manual_seed(0)
    labels = (torch.rand(ITEMS, CLASSES) < 0.5).float()
    return torch.randn(ITEMS, WIDTH), labels, torch.ones_like(labels).bool()


def fitted(folds: int, available: Tensor | None = None) -> ClassPredictor:
    features, labels, known = noise()
    predictor = ClassPredictor(WIDTH, CLASSES, ITEMS, folds, seed=1)
    predictor.fit(features, labels, known, 1e-4, available)
    return predictor


def accuracy(probabilities: Tensor) -> float:
    return float(((probabilities > 0.5) == noise()[1].bool()).float().mean())


def test_training_items_are_predicted_by_those_that_did_not_see_them() -> None:
    features, index = noise()[0], torch.arange(ITEMS)
    assert accuracy(fitted(5)(features)) > 0.95  # seen
    assert accuracy(fitted(1).held_out(features, index)) > 0.95
    assert accuracy(fitted(5).held_out(features, index)) < 0.65  # chance is 0.5


def test_each_fold_is_a_plain_fit_on_the_others() -> None:
    features, labels, known = noise()
    predictor = fitted(4)
    assert torch.bincount(predictor.fold_of).tolist() == [15, 15, 15, 15]
    for fold in range(4):
        others, own = predictor.fold_of != fold, torch.nonzero(predictor.fold_of == fold)[:, 0]
        alone = ClassPredictor(WIDTH, CLASSES, int(others.sum()), 1, seed=0)
        alone.fit(features[others], labels[others], known[others], 1e-4)
        torch.testing.assert_close(predictor.held_out(features[own], own), alone(features[own]))


def test_what_is_not_available_is_not_fitted() -> None:
    features, labels, known = noise()
    available = torch.arange(ITEMS) % 3 > 0
    one = fitted(3, available)
    labels[~available] = 1.0 - labels[~available]
    features[~available] += 5.0
    other = ClassPredictor(WIDTH, CLASSES, ITEMS, 3, seed=1)
    other.fit(features, labels, known, 1e-4, available)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.fold_weight, other.fold_weight)


def test_unknown_labels_are_not_fitted() -> None:
    features, labels, known = noise()
    known[:, 1] = torch.arange(ITEMS) % 2 == 0
    predictors = []
    for hidden in (0.0, 1.0):
        predictor = ClassPredictor(WIDTH, CLASSES, ITEMS, 2, seed=1)
        predictor.fit(features, torch.where(known, labels, hidden), known, 1e-4)
        predictors.append(predictor.fold_weight)
    torch.testing.assert_close(*predictors)


def test_class_names_alone_need_no_folds() -> None:
    features, index = noise()[0], torch.arange(ITEMS)
    predictor = ClassPredictor(WIDTH, CLASSES, ITEMS, 5, seed=1)
    predictor.from_names(F.normalize(torch.randn(CLASSES, WIDTH), dim=1), features)
    torch.testing.assert_close(predictor(features), predictor.held_out(features, index))
    share = (predictor(features) > 0.5).float().mean()
    assert 0.05 < float(share) < 0.3  # about what lies a deviation above the mean
