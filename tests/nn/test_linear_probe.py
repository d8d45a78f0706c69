"""Linear classifiers: against numpy's least squares, and blind to labels that are not known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hashbench.nn.heads import scaled
from hashbench.nn.linear_probe import logistic_regression, ridge_regression


def items(n: int = 40, d: int = 4, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    features = torch.randn(n, d, generator=g)
    return features, (features[:, :classes] + 0.5 > 0).float()


def test_ridge_without_a_penalty_is_least_squares() -> None:
    features, labels = items()
    weight, bias = ridge_regression(features, labels, torch.ones_like(labels).bool(), 0.0)
    X = np.column_stack([scaled(features).double().numpy(), np.ones(40)])
    expected = np.linalg.lstsq(X, labels.double().numpy(), rcond=None)[0]
    np.testing.assert_allclose(weight.numpy(), expected[:4].T, atol=1e-5)
    np.testing.assert_allclose(bias.numpy(), expected[4], atol=1e-5)


def test_ridge_by_class_is_ridge_at_once_where_all_is_known() -> None:
    features, labels = items()
    known = torch.ones_like(labels).bool()
    whole = ridge_regression(features, labels, known, 0.1)
    known[:, 2] = False  # the third class is then solved by itself, and so are the others
    by_class = ridge_regression(features, labels, known, 0.1)
    torch.testing.assert_close(by_class[0][:2], whole[0][:2])
    assert float(by_class[0][2].abs().max()) == 0.0


@pytest.mark.parametrize("fit", [ridge_regression, logistic_regression])
def test_labels_that_are_not_known_do_not_matter(fit: object) -> None:
    features, labels = items()
    known = torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)) < 0.6
    other = torch.where(known, labels, 1.0 - labels)
    first = fit(features, labels, known, 0.01)  # type: ignore[operator]
    second = fit(features, other, known, 0.01)  # type: ignore[operator]
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)


def test_both_tell_classes_apart() -> None:
    features, labels = items(400)
    for fit, middle in ((ridge_regression, 0.5), (logistic_regression, 0.0)):
        weight, bias = fit(features, labels, torch.ones_like(labels).bool(), 1e-3)
        predicted = scaled(features) @ weight.T + bias > middle
        assert float((predicted == labels.bool()).float().mean()) > 0.9
