"""Linear classifiers on frozen features: one of each class, over the labels that are known."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.nn.heads import scaled

_ITERATIONS = 60
_BIAS_RIDGE = 1e-9  # so that a class of which nothing is known has a solution


def logistic_regression(
    features: Tensor, labels: Tensor, known: Tensor, ridge: float
) -> tuple[Tensor, Tensor]:
    """Weights (C, d) and biases (C) for `scaled` features (n, d), labels and known (n, C).

    Minimises the sum of cross entropies of known labels / n + ridge |W|^2.
    """
    inputs, counts = scaled(features), known.to(features.dtype)
    weight = features.new_zeros(labels.shape[1], features.shape[1], requires_grad=True)
    bias = features.new_zeros(labels.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        solver.zero_grad()
        logits = F.linear(inputs, weight, bias)
        loss = F.binary_cross_entropy_with_logits(logits, labels, counts, reduction="sum")
        loss = loss / max(1, len(features)) + ridge * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        solver.step(objective)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def ridge_regression(
    features: Tensor, labels: Tensor, known: Tensor, ridge: float
) -> tuple[Tensor, Tensor]:
    """The same with squares in place of cross entropies, solved at once for each pattern of known
    labels: one solution where all are known, else one a class.
    """
    n, d = features.shape
    ones = torch.ones(n, 1, dtype=torch.float64, device=features.device)
    X = torch.cat([scaled(features).double(), ones], dim=1)
    penalty = torch.full((d + 1,), ridge, dtype=torch.float64, device=features.device)
    penalty[d] = _BIAS_RIDGE
    if bool(known.all()):
        solution = torch.linalg.solve(X.T @ X / n + penalty.diag(), X.T @ labels.double() / n)
    else:
        columns = []
        for y, counts in zip(labels.double().T, known.T, strict=True):
            rows = X[counts]
            system = rows.T @ rows / n + penalty.diag()
            columns.append(torch.linalg.solve(system, rows.T @ y[counts] / n))
        solution = torch.stack(columns, dim=1)
    return solution[:d].T.to(features.dtype), solution[d].to(features.dtype)
