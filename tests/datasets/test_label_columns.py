"""Telling label columns apart by their counts and by what lies within what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hashbench.datasets.base import BoolArray
from hashbench.datasets.label_columns import (
    cost_of,
    known_for,
    known_sets,
    names_by_counts,
    read_columns,
)

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def annotation(shared_data: Path) -> tuple[BoolArray, list[str], BoolArray]:
    """(24581, 24) labels, class names, and which items are among the 20,015."""
    with np.load(shared_data / "mirflickr25k" / "labels.npz") as known:
        labels = known["labels24"].astype(np.bool_)
        keep = labels.any(axis=1)
        return labels[keep], known["class24"].tolist(), known["in20015"][keep]


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), frequent=st.booleans())
def test_any_order_of_a_whole_set_is_read_exactly(
    annotation: tuple[BoolArray, list[str], BoolArray], seed: int, frequent: bool
) -> None:
    labels, names, among = annotation
    labels = labels[among] if frequent else labels
    order = np.random.default_rng(seed).permutation(24)
    right = tuple(names[column] for column in order)
    known = known_for(names, labels)
    assert known is known_sets()[frequent]
    reading = read_columns(labels[:, order], known)
    assert reading.names == right
    assert not reading.unsure
    named = names_by_counts(labels[:, order])
    assert named is not None
    assert named.names == right


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1500, 20_000))
@example(seed=367, size=3460)  # water and animals, with what lies within them, look alike there
def test_a_part_is_read_up_to_classes_of_the_same_size(
    annotation: tuple[BoolArray, list[str], BoolArray], seed: int, size: int
) -> None:
    labels, names, _ = annotation
    rng = np.random.default_rng(seed)
    part = labels[rng.permutation(len(labels))[:size]]
    order = rng.permutation(24)
    reading = read_columns(part[:, order], known_sets()[0])
    for read, column in zip(reading.names, order, strict=True):
        assert read == names[column] or {read, names[column]} <= reading.unsure
    assert reading.cost <= cost_of(part, known_sets()[0], names) + 1e-9
    assert names_by_counts(part) is None


def test_one_exchanged_pair_costs_much(
    annotation: tuple[BoolArray, list[str], BoolArray],
) -> None:
    labels, names, _ = annotation
    exchanged = list(names)
    male, female = names.index("male"), names.index("female")
    exchanged[male], exchanged[female] = "female", "male"
    assert cost_of(labels, known_sets()[0], names) < 1
    assert cost_of(labels, known_sets()[0], exchanged) > 100


def test_names_are_compared_without_underscores_and_case(
    annotation: tuple[BoolArray, list[str], BoolArray],
) -> None:
    labels, names, _ = annotation
    spelled = [name.replace("_", " ").title() for name in names]
    assert known_for(spelled, labels) is known_sets()[0]
    assert cost_of(labels, known_sets()[0], spelled) == cost_of(labels, known_sets()[0], names)
    assert known_for([*names[:-1], "other"], labels) is None
