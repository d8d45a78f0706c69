"""Incomplete, noisy and sparse labels: how much of them, which ones, and of which items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.datasets.masks import VisibleLabels, visible_labels
from hashbench.errors import DamagedFileError, HashbenchError, InputError
from hashbench.plan.spec import LabelSpec

SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
RATIOS = st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9, 1.0])


def full(n: int = 40, classes: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, classes)) > 0.7


@settings(max_examples=60, deadline=None)
@given(RATIOS, SHARES, SHARES, st.integers(0, 2**31 - 1), st.integers(1, 50))
def test_exactly_the_asked_shares_are_hidden_flipped_and_dropped(
    ratio: float, noise: float, sparsity: float, seed: int, n: int
) -> None:
    labels = full(n)
    spec = LabelSpec(known_ratio=ratio, noise=noise, sparsity=sparsity)
    visible = visible_labels(labels, spec, seed)
    hidden = round(labels.size * (1 - ratio), 6)
    assert int((~visible.known).sum()) == int(hidden)
    assert not (visible.labels & ~visible.known).any()  # unknown labels are hidden
    everything = visible_labels(labels, LabelSpec(noise=noise, sparsity=sparsity), seed)
    assert everything.known.all()
    # the three draws are independent: hiding does not change what is flipped or dropped
    np.testing.assert_array_equal(visible.labels, everything.labels & visible.known)
    sparse = visible_labels(labels, LabelSpec(sparsity=sparsity), seed).labels
    assert not (sparse & ~labels).any()
    assert int(labels.sum()) - int(sparse.sum()) == int(labels.sum() * sparsity)
    assert int((everything.labels != sparse).sum()) == int(labels.size * noise)


def test_a_seed_gives_the_same_and_another_seed_other_labels() -> None:
    labels, spec = full(), LabelSpec(known_ratio=0.5)
    one, same, other = (visible_labels(labels, spec, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.known, same.known)
    assert (one.known != other.known).any()


def test_what_is_known_at_a_lower_ratio_is_known_at_a_higher_one() -> None:
    known = [visible_labels(full(), LabelSpec(known_ratio=r), 3).known for r in (0.3, 0.5, 0.7)]
    assert not (known[0] & ~known[1]).any()
    assert not (known[1] & ~known[2]).any()


def test_hidden_entries_are_uniform_over_the_grid() -> None:
    labels = np.zeros((3000, 8), bool)
    labels[:, :2] = True
    known = visible_labels(labels, LabelSpec(known_ratio=0.3), 0).known
    assert np.abs(known.mean(axis=0) - 0.3).max() < 0.03
    assert abs(known[labels].mean() - 0.3) < 0.02


def test_the_full_labels_are_left_alone() -> None:
    labels = full()
    before = labels.copy()
    visible_labels(labels, LabelSpec(known_ratio=0.3, noise=0.5, sparsity=0.5), 0)
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.0000001, float("nan")])
def test_a_ratio_that_is_no_share_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match="--known-ratio"):
        visible_labels(full(), LabelSpec(known_ratio=ratio), 0)


@pytest.mark.parametrize("spec", [LabelSpec(noise=1.1), LabelSpec(sparsity=-0.5)])
def test_shares_outside_of_zero_and_one_are_refused(spec: LabelSpec) -> None:
    with pytest.raises(InputError, match="--label-"):
        visible_labels(full(), spec, 0)


def test_hiding_every_label_is_refused() -> None:
    with pytest.raises(InputError, match="hides all 240 training labels"):
        visible_labels(full(), LabelSpec(known_ratio=1e-12), 0)


def test_a_kept_file_gives_the_labels_back_and_tells_whose_they_are(tmp_path: Path) -> None:
    labels = full()
    drawn = visible_labels(labels, LabelSpec(known_ratio=0.4), 5, "pictures abc")
    path = tmp_path / "labels.npz"
    drawn.save(path)
    visible = VisibleLabels.load(path)
    np.testing.assert_array_equal(visible.labels, drawn.labels)
    np.testing.assert_array_equal(visible.known, drawn.known)
    visible.check("pictures abc", labels.shape)
    with pytest.raises(InputError, match="of pictures abc, where .* of other def"):
        visible.check("other def", labels.shape, where=path)
    with pytest.raises(InputError, match="start a new run"):
        visible.check("pictures abc", (39, 6))
    some = visible.rows(np.array([3, 1]))
    np.testing.assert_array_equal(some.known, drawn.known[[3, 1]])
    assert len(some) == 2


@pytest.mark.parametrize(
    "arrays",
    [
        {"labels": full(), "known": ~full(), "source": np.array(["x"])},  # positive but unknown
        {"labels": full().astype(float), "known": full(), "source": np.array(["x"])},
        {"labels": full(), "known": full()[:5], "source": np.array(["x"])},
        {"labels": full(), "known": full()},
        {"known": full(), "source": np.array(["x"])},
    ],
)
def test_a_file_that_holds_no_visible_labels_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    path = tmp_path / "labels.npz"
    np.savez(path, **arrays)
    with pytest.raises(DamagedFileError, match="labels.npz"):
        VisibleLabels.load(path)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_scribbled_file_is_refused_or_whole(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    path = tmp_path_factory.mktemp("scribbled") / "labels.npz"
    drawn = visible_labels(full(), LabelSpec(known_ratio=0.4), 5, "pictures abc")
    drawn.save(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(bytes(content))
    try:
        visible = VisibleLabels.load(path)
    except HashbenchError:
        return
    assert visible.labels.shape == visible.known.shape
