"""The field's splits by name, and split files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashbench.datasets.base import Dataset
from hashbench.datasets.named_splits import choose, read_split, write_split
from hashbench.datasets.picturebook.dataset import load as load_dataset
from hashbench.datasets.pictures import NoPictures
from hashbench.errors import DamagedFileError, HashbenchError, InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.released_splits import RULES, sizes
from hashbench.plan.request import Request, expand


def dataset(count: int, name: str = "packaged") -> Dataset:
    return Dataset(
        name=name,
        ids=[f"im{number + 1}" for number in range(count)],
        labels=np.ones((count, 1), dtype=np.bool_),
        captions=[("x",)] * count,
        class_names=("x",),
        pictures=NoPictures(Path("nowhere")),
        fingerprint="0",
    )


def legacy(seed: int, count: int, draws: int = 1) -> np.ndarray:
    """As the released codes draw: the global generator, permutations of a range."""
    np.random.seed(seed)  # noqa: NPY002
    for _ in range(draws):
        order = np.random.permutation(range(count))  # noqa: NPY002
    return order


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("prompthash", 1814),
        ("pghmh", 1814),
        ("dcmht", 1814),
        ("dsph", 1814),
        ("mith", 1),
        ("torchcmh", 8),
    ],
)
def test_queries_first(name: str, seed: int) -> None:
    split = choose(dataset(300), name, 40, 100, seed=0)
    order = legacy(seed, 300)
    assert set(split.query) == set(order[:40])
    assert set(split.train) == set(order[40:140])
    assert set(split.database) == set(order[40:])
    assert split.name == name
    assert len(split.validation) == 10


def test_pcril_takes_the_second_permutation_and_the_last_items() -> None:
    split = choose(dataset(300), "pcril", 40, 260, seed=0)
    order = legacy(0, 300, draws=2)
    assert set(split.query) == set(order[260:])
    assert set(split.train) == set(split.database) == set(order[:260])
    some = choose(dataset(300), "pcril", 40, 100, seed=0)
    assert set(some.train) == set(order[:100])


def test_the_24581_items_are_listed_by_their_numbers_as_text() -> None:
    ids = [f"im{number + 1}" for number in range(120)]
    as_text = sorted(range(120), key=lambda i: str(i + 1))
    order = legacy(1814, 120)
    split = choose(dataset(120, "mirflickr25k"), "prompthash", 20, 50, seed=0)
    assert {ids[i] for i in split.query} == {ids[as_text[i]] for i in order[:20]}
    mith = choose(dataset(120, "mirflickr25k-20015"), "mith", 20, 50, seed=0)
    assert set(mith.query) == set(legacy(1, 120)[:20])


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    choose(dataset(50), "mith", 10, 20, seed=0)
    assert np.random.random() == expected  # noqa: NPY002


def test_the_seed_only_draws_validation_queries() -> None:
    first, second = (choose(dataset(300), "mith", 40, 100, seed=seed) for seed in (0, 1))
    assert set(first.query) == set(second.query)
    assert set(first.train) == set(second.train)
    assert set(first.validation) != set(second.validation)
    assert first.hash != second.hash


@pytest.mark.parametrize("name", list(RULES))
def test_too_small_and_unknown(name: str) -> None:
    with pytest.raises(InputError, match="do not fit into 30 items"):
        choose(dataset(30), name, 20, 11, seed=0)
    with pytest.raises(UnknownNameError, match="did you mean prompthash"):
        choose(dataset(30), "prompt-hash", 2, 2, seed=0)


@pytest.mark.parametrize(
    ("split", "name", "expected"),
    [
        ("prompthash", "mirflickr25k", (2000, 10000)),
        ("prompthash", "nuswide", (2100, 10500)),
        ("prompthash", "coco", (5000, 10000)),
        ("prompthash", "coco-2017", (5000, 10000)),
        ("pghmh", "nuswide", (2000, 10000)),
        ("pcril", "mirflickr25k-20015", (2000, 18015)),
        ("mith", "nuswide-tags1k", (2100, 10500)),
        ("torchcmh", "iaprtc12", (2000, 10000)),
        ("prompthash", "picturebook", (500, 2000)),
        ("own", "picturebook", (500, 2000)),
    ],
)
def test_sizes_are_those_of_the_release(split: str, name: str, expected: tuple[int, int]) -> None:
    released = sizes(split, catalog.dataset(name), name)
    assert (released.query, released.train) == expected
    (spec,) = expand(Request(dataset=[name], split=split, query_size=7, preset="built-in"))
    assert (spec.dataset.query, spec.dataset.train) == (7, expected[1])


def test_a_request_refuses_an_unknown_split() -> None:
    with pytest.raises(UnknownNameError, match="did you mean pcril"):
        expand(Request(split="pcrl"))


def test_a_split_survives_its_file(tmp_path: Path) -> None:
    items = dataset(60)
    split = choose(items, "mith", 10, 30, seed=0)
    path = tmp_path / "split.json"
    write_split(path, split, items)
    again = choose(items, str(path), 1, 1, seed=9)
    assert again.hash == split.hash
    for part in ("query", "database", "train_fit", "validation"):
        np.testing.assert_array_equal(getattr(again, part), getattr(split, part))


def test_a_file_may_name_only_queries_and_training_items(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"query": ["im1", "im2"], "train": [f"im{i}" for i in range(3, 33)]})
    )
    split = read_split(path, dataset(40))
    assert split.query.tolist() == [0, 1]
    assert len(split.database) == 38
    assert (len(split.train_fit), len(split.validation)) == (27, 3)
    assert split.name == "mine"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not a split file"),
        ("[1]", "is not a split file"),
        ('{"query": ["im1"]}', "`train`"),
        ('{"query": ["im1"], "train": [7]}', r"train\[0\]"),
        ('{"query": ["imX"], "train": ["im2", "im3"]}', "1 of 1 items are not in packaged"),
        ('{"query": ["im1", "im1"], "train": ["im2", "im3"]}', "lists an item twice"),
        ('{"query": [], "train": ["im2", "im3"]}', "query: has too few items"),
        ('{"query": ["im1"], "train": ["im2"]}', "train: has too few items"),
        ('{"query": ["im1"], "train": ["im1", "im2"]}', "training items are not in the database"),
        (
            '{"query": ["im1"], "train": ["im2", "im3"], "database": ["im1", "im2", "im3"]}',
            "queries are in the database",
        ),
        (
            '{"query": ["im1"], "train": ["im2", "im3"], "validation": ["im4"]}',
            "must be some, not all, of train",
        ),
        ('{"query": ["im1"], "train": ["im2", "im3"], "hash": "00"}', "is 00, but the items"),
        ('{"a": ' + "[" * 100_000, "is not a split file"),
    ],
)
def test_damaged_split_files(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(HashbenchError, match=problem):
        read_split(path, dataset(10))


def test_a_missing_split_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        read_split(tmp_path / "none.json", dataset(10))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DamagedFileError, match="cannot be read"):
        read_split(tmp_path / "folder.json", dataset(10))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(list(RULES)),
    count=st.integers(4, 200),
    shares=st.tuples(st.floats(0.01, 0.9), st.floats(0.01, 0.9)),
    seed=st.integers(0, 100),
)
def test_every_split_keeps_its_promises(
    tmp_path: Path, name: str, count: int, shares: tuple[float, float], seed: int
) -> None:
    query = max(1, int(count * shares[0]))
    train = max(2, int((count - query) * shares[1]))
    if query + train > count:
        return
    items = dataset(count)
    split = choose(items, name, query, train, seed)
    assert (len(split.query), len(split.train)) == (query, train)
    assert len(split.database) == count - query
    assert not set(split.query) & set(split.database)
    assert not set(split.train_fit) & set(split.validation)
    assert set(split.train) <= set(split.database)
    assert choose(items, name, query, train, seed).hash == split.hash
    write_split(tmp_path / "s.json", split, items)
    assert read_split(tmp_path / "s.json", items).hash == split.hash


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("own", "7b9a1bfb49cff17b"),
        ("prompthash", "35bed4029f408faf"),
        ("pcril", "f8dad1f8d6ef51a9"),
    ],
)
def test_hashes_of_earlier_versions_stay(split: str, expected: str) -> None:
    """Results and split files hold them: `compare` ranks runs of equal hashes."""
    (spec,) = expand(Request(dataset=["picturebook-tiny"], split=split))
    items = load_dataset(Path("none"), spec.dataset.params)
    drawn = choose(items, split, spec.dataset.query, spec.dataset.train, 0)
    assert drawn.hash == expected
    assert drawn.sizes().keys() == {"query", "database", "fit", "validation"}
