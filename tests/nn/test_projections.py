"""Projections with closed forms against numpy, and the signs that make them one answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hashbench.nn import projections
from hashbench.nn.class_codes import class_projection, hadamard_codes


def draw(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(d=st.integers(1, 12), k=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_largest_entry_of_a_column_is_positive_whatever_its_sign_was(
    d: int, k: int, seed: int
) -> None:
    vectors = draw(d, k, seed)
    turned = torch.where(draw(1, k, seed + 1) > 0, 1.0, -1.0)
    expected = projections.signed(vectors)
    assert torch.equal(projections.signed(vectors * turned), expected)
    assert bool((expected.gather(0, vectors.abs().argmax(0, keepdim=True)) > 0).all())


@given(d=st.integers(2, 10), seed=st.integers(0, 1000))
def test_principal_directions_have_the_largest_variances(d: int, seed: int) -> None:
    X = draw(40, d, seed)
    W = projections.principal_directions(X.T @ X / 40, d - 1)
    variances = (X @ W).square().mean(0)
    expected = np.linalg.eigvalsh((X.T @ X / 40).numpy())[::-1][: d - 1]
    np.testing.assert_allclose(variances.numpy(), expected, rtol=1e-8)
    torch.testing.assert_close(W.T @ W, torch.eye(d - 1, dtype=W.dtype))


@given(
    p=st.integers(1, 6),
    q=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_canonical_correlations_are_those_of_numpy(p: int, q: int, seed: int) -> None:
    X, Y = draw(60, p, seed), draw(60, q, seed + 1)
    Y[:, 0] += X[:, 0]
    X, Y = X - X.mean(0), Y - Y.mean(0)
    W_x, W_y, s = projections.canonical(X, Y, 0.0)
    # by QR: the singular values of Q_x^T Q_y are the correlations
    Q_x, Q_y = (np.linalg.qr(Z.numpy())[0] for Z in (X, Y))
    np.testing.assert_allclose(s.numpy(), np.linalg.svd(Q_x.T @ Q_y)[1], atol=1e-8)
    a, b = X @ W_x, Y @ W_y
    r = min(p, q)
    torch.testing.assert_close(a.T @ a / 60, torch.eye(r, dtype=a.dtype), atol=1e-8, rtol=0)
    torch.testing.assert_close(a.T @ b / 60, torch.diag(s), atol=1e-8, rtol=0)


def test_whitened_regression_is_scaled_canonical_directions_turned() -> None:
    X, L = draw(80, 5, 0), draw(80, 3, 1)
    X, L = X - X.mean(0), L - L.mean(0)
    W_x, W_l, s = projections.canonical(X, L, 1e-3)
    C_ll = projections.regularised(L.T @ L / 80, 1e-3)
    Z = projections.inverse_root(torch.linalg.inv(C_ll)) @ W_l  # C_ll^1/2 undoes the whitening
    expected = (W_x * s) @ Z.T
    torch.testing.assert_close(projections.whitened_regression(X, L, 1e-3), expected)


@given(
    c=st.integers(1, 8),
    more=st.integers(0, 6),
    rounds=st.integers(0, 5),
    seed=st.integers(0, 1000),
)
def test_itq_gives_orthonormal_rows(c: int, more: int, rounds: int, seed: int) -> None:
    R = projections.itq_rotation(draw(30, c, seed), c + more, rounds, seed)
    assert R.shape == (c, c + more)
    torch.testing.assert_close(R @ R.T, torch.eye(c, dtype=R.dtype), atol=1e-8, rtol=0)


@given(c=st.integers(1, 8), more=st.integers(0, 6), seed=st.integers(0, 1000))
def test_no_round_of_itq_is_farther_from_signs(c: int, more: int, seed: int) -> None:
    V = draw(50, c, seed)

    def distance(rounds: int) -> float:
        turned = V @ projections.itq_rotation(V, c + more, rounds, seed)
        return float((torch.where(turned >= 0, 1.0, -1.0) - turned).square().sum())

    distances = [distance(rounds) for rounds in range(6)]
    assert all(b <= a + 1e-6 for a, b in itertools.pairwise(distances))


@pytest.mark.parametrize(("classes", "bits"), [(24, 16), (24, 32), (24, 64), (3, 8), (80, 16)])
def test_hadamard_codes_of_classes_differ(classes: int, bits: int) -> None:
    G = hadamard_codes(classes, bits, 0)
    assert G.shape == (classes, bits)
    assert bool((G.abs() == 1).all())
    if bits > classes:  # all rows of the matrix are there: half of the bits differ
        cosines = (G @ G.T) / bits
        torch.testing.assert_close(cosines, torch.eye(classes), atol=0.51, rtol=0)
    if bits == 32 and classes == 24:
        torch.testing.assert_close(G @ G.T, 32 * torch.eye(24))
    assert torch.equal(G, hadamard_codes(classes, bits, 0))
    assert not torch.equal(G, hadamard_codes(classes, bits, 1))


@pytest.mark.parametrize("kind", ["hadamard", "itq"])
def test_a_class_projection_has_a_bit_for_each_column(kind: str) -> None:
    scores = draw(50, 5, 0).float()
    for bits in (3, 5, 12):
        assert class_projection(kind, scores, bits, 0).shape == (5, bits)
