"""t-SNE (van der Maaten and Hinton 2008, "Visualizing Data using t-SNE"), exact, for some hundred
points: every pair counts, so that nothing depends on an approximation or a thread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hashbench.report.progress import Progress, silent

Array = NDArray[np.float64]

STEPS, EARLY = 500, 125
EXAGGERATION = 12.0
LEAST = 1e-12


def embed(
    squared: Array, *, seed: int, perplexity: float = 30.0, progress: Progress = silent
) -> Array:
    """(n, 2) places of points with squared distances (n, n); equal seeds, equal places."""
    n = len(squared)
    joint = _joint(squared, min(perplexity, max(1.0, (n - 1) / 3)))
    places = 1e-4 * np.random.default_rng(seed).standard_normal((n, 2))
    velocity, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(n / EXAGGERATION / 4, 50.0)
    for step in range(STEPS):
        early = step < EARLY
        gradient = _gradient(joint * (EXAGGERATION if early else 1.0), places)
        turned = np.sign(gradient) != np.sign(velocity)
        gains = np.maximum(np.where(turned, gains + 0.2, gains * 0.8), 0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gains * gradient
        places = places + velocity
        places -= places.mean(axis=0)
        progress(step + 1, STEPS)
    return places


def _joint(squared: Array, perplexity: float) -> Array:
    """Symmetric probabilities of pairs; each row's width is found by bisection so that its entropy
    is that of `perplexity` equal neighbours.
    """
    n = len(squared)
    low, high = np.full(n, -50.0), np.full(n, 50.0)  # logarithm of the precision of each row
    off = ~np.eye(n, dtype=bool)
    # the nearest neighbour weighs 1, so that no row underflows
    shifted = (squared - np.where(off, squared, np.inf).min(axis=1, keepdims=True)) * off
    for _ in range(64):
        middle = (low + high) / 2
        weights = np.exp(-shifted * np.exp(middle)[:, None]) * off
        rows = weights / weights.sum(axis=1, keepdims=True)
        entropy = -(rows * np.log(np.maximum(rows, LEAST))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return np.asarray(np.maximum((rows + rows.T) / (2 * n), LEAST))


def _gradient(joint: Array, places: Array) -> Array:
    """4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2), equation 5 of the paper."""
    norms = (places**2).sum(axis=1)
    near = 1 / (1 + np.maximum(norms[:, None] + norms - 2 * places @ places.T, 0))
    np.fill_diagonal(near, 0)
    pull = (joint - near / near.sum()) * near
    return np.asarray(4 * (pull.sum(axis=1)[:, None] * places - pull @ places))
