"""Facts and contact sheets hold for any dataset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hashbench.datasets import statistics as room
from hashbench.datasets.base import Dataset
from hashbench.datasets.preview import contact_sheet
from hashbench.datasets.statistics import dataset_facts, relevant_share


class Plain:
    """Pictures of one colour, of odd sizes."""

    def read(self, index: int) -> Image.Image:
        return Image.new("RGB", (30 + index * 17, 80), (index * 40, 90, 200))


def small(captions: tuple[str, ...] = ("one two", "three")) -> Dataset:
    labels = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    return Dataset(
        "small", ("a", "b", "c", "d"), labels, (captions,) * 4, ("x", "y", "z"), Plain(), "f"
    )


def test_facts_count_what_is_there() -> None:
    got = dataset_facts(
        small(),
        np.array([0, 1]),
        np.array([2, 3]),
        lambda texts: np.array([78 if text == "three" else 77 for text in texts]),
    )
    assert got.relevant_share == 0.5  # item 0 shares z with both, item 1 shares nothing
    assert got.random_floor == 1  # of item 0, which both are relevant to; item 1 is left out
    assert got.class_counts == (("z", 3), ("x", 1), ("y", 1))
    assert (got.items, got.queries, got.database, got.classes) == (4, 2, 2, 3)
    assert (got.unlabelled, got.label_sets, got.labels_per_item) == (1, 4, 1.25)
    assert got.label_density == pytest.approx(5 / 12)
    assert got.captions_per_item == 2
    assert got.cut_share == 0.5


def test_tokens_need_not_be_counted() -> None:
    assert dataset_facts(small(), np.array([0]), np.array([1])).cut_share is None


def test_there_is_no_floor_where_nothing_is_relevant() -> None:
    assert dataset_facts(small(), np.array([1]), np.array([2])).random_floor is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_relevant_share_is_the_mean_over_pairs(q: int, d: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    query, database = rng.random((q, c)) < 0.3, rng.random((d, c)) < 0.3
    pairs = [bool((a & b).any()) for a in query for b in database]
    whole = relevant_share(query, database)
    assert whole == pytest.approx(np.mean(pairs) if pairs else 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_BLOCK_PAIRS", 3)
        assert relevant_share(query, database) == pytest.approx(whole)


def test_a_contact_sheet_shows_every_picture_once() -> None:
    sheet = contact_sheet(small(), columns=3, rows=2, side=50)
    again = contact_sheet(small(), columns=3, rows=2, side=50)
    assert sheet.tobytes() == again.tobytes()
    assert sheet.width > 150
    colours = {colour for _, colour in sheet.getcolors(1 << 20) or []}
    assert {(index * 40, 90, 200) for index in range(4)} <= colours


@pytest.mark.parametrize("text", ["", "w" * 400, "many words " * 60])
def test_a_contact_sheet_takes_any_caption(text: str) -> None:
    plain = contact_sheet(small(("short",)), columns=2, rows=2, side=50)
    assert contact_sheet(small((text,)), columns=2, rows=2, side=50).size == plain.size
