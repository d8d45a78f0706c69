"""Feature sets: the shapes in use, and damaged files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import savemat

from hashbench.datasets.base import Dataset
from hashbench.datasets.featureset import CARD
from hashbench.datasets.featureset.dataset import WIKIPEDIA, load
from hashbench.datasets.matrices import feature_matrix, label_matrix
from hashbench.datasets.splits import own_split
from hashbench.errors import DamagedFileError, HashbenchError, InputError

RNG = np.random.default_rng(0)
IMAGES, TEXTS = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3))
NUMBERS = np.array([2, 3, 2, 5, 3, 3])


def read(folder: Path, preset: str = "featureset") -> Dataset:
    defaults = {param.name: param.default for param in CARD.params}
    return load(folder, defaults | dict(CARD.presets.get(preset, {})))


def split_file(**changes: Any) -> dict[str, Any]:
    content = {
        "I_tr": IMAGES[:4], "T_tr": TEXTS[:4], "L_tr": NUMBERS[:4, None],
        "I_te": IMAGES[4:], "T_te": TEXTS[4:], "L_te": NUMBERS[4:, None],
    }  # fmt: skip
    return content | changes


def test_training_and_test_parts(tmp_path: Path) -> None:
    savemat(tmp_path / "some.mat", split_file())
    dataset = read(tmp_path)
    assert list(dataset.ids) == ["train-1", "train-2", "train-3", "train-4", "query-1", "query-2"]
    assert dataset.features is not None
    np.testing.assert_allclose(dataset.features[0], IMAGES, rtol=1e-6)
    np.testing.assert_allclose(dataset.features[1], TEXTS, rtol=1e-6)
    assert dataset.labels.argmax(axis=1).tolist() == [0, 1, 0, 3, 1, 1]
    assert dataset.labels.shape == (6, 4)  # class 4 has no item and keeps its column
    assert dataset.class_names == ("class 1", "class 2", "class 3", "class 4")
    split = own_split(dataset, 2, 3, seed=0)
    assert split.query.tolist() == [4, 5]
    assert set(split.train) <= {0, 1, 2, 3}
    with pytest.raises(InputError, match="has features but no picture"):
        dataset.pictures.read(0)


def test_further_database_items(tmp_path: Path) -> None:
    more = {"I_db": IMAGES[:1], "T_db": TEXTS[:1], "L_db": NUMBERS[:1, None]}
    savemat(tmp_path / "some.mat", split_file(**more))
    dataset = read(tmp_path)
    assert dataset.ids[-1] == "database-1"
    assert 6 in own_split(dataset, 2, 4, seed=0).database


@pytest.mark.parametrize("names", [("images", "texts", "labels"), ("I", "T", "L")])
def test_one_set_without_parts(tmp_path: Path, names: tuple[str, str, str]) -> None:
    labels = np.eye(6, 3) + 0.0
    labels[3:, 1:] = 1
    content: dict[str, Any] = dict(zip(names, (IMAGES, TEXTS, labels), strict=True))
    np.savez(tmp_path / "set.npz", class_names=np.array(["a", "b", "c d"]), **content)
    dataset = read(tmp_path)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.class_names == ("a", "b", "c d")
    assert not dataset.roles
    assert len(own_split(dataset, 2, 3, seed=0).database) == 4


def test_class_names_from_a_list_beside_the_file(tmp_path: Path) -> None:
    savemat(tmp_path / "some.mat", split_file())
    (tmp_path / "classes.txt").write_text("w\nx\ny\nz\n")
    assert read(tmp_path).class_names == ("w", "x", "y", "z")
    (tmp_path / "classes.txt").write_text("w\nx\ny\n")
    with pytest.raises(DamagedFileError, match="3 different names for 4 classes"):
        read(tmp_path)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", split_file())
    first = read(tmp_path).fingerprint
    (tmp_path / "a.mat").rename(tmp_path / "b.mat")
    assert read(tmp_path).fingerprint == first
    savemat(tmp_path / "b.mat", split_file(I_te=IMAGES[4:] + 1))
    assert read(tmp_path).fingerprint != first


def test_which_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no file of features"):
        read(tmp_path)
    savemat(tmp_path / "a.mat", split_file())
    savemat(tmp_path / "b.mat", split_file())
    with pytest.raises(InputError, match=r"holds 2 files of features: a.mat, b.mat"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"has no wikiData.mat"):
        read(tmp_path, "wikipedia")
    (tmp_path / "b.mat").rename(tmp_path / "wikiData.mat")
    assert len(read(tmp_path, "wikipedia")) == 6


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (split_file(T_tr=TEXTS[:3]), "I_tr has 4 rows and T_tr has 3"),
        (split_file(L_te=NUMBERS[3:, None]), "the query items have 3 labels and 2 features"),
        (split_file(I_te=IMAGES[4:, :2]), r"the images have \[2, 4\] features"),
        (split_file(L_te=np.eye(2)), "label matrices of different width"),
        (split_file(L_te=np.array([[1.5], [2]])), "not whole"),
        (split_file(L_te=np.array([[1], [10**6]])), "from 1 to 1000000|from 2 to 1000000"),
        (split_file(L_te=np.array([[1e300], [1e300]]), L_tr=np.full((4, 1), 1e300)), "1e.300"),
        (split_file(I_tr=np.full((4, 4), np.inf)), "not finite"),
        (split_file(I_tr=np.full((4, 4), 1e43)), r"beyond 3.4e\+38"),
        (split_file(I_tr=np.array(["a", "b"])), "no matrix of numbers"),
        (split_file(L_tr=np.array(["a", "b"])), "the train items have no labels"),
        ({"I_tr": IMAGES, "X": TEXTS}, "has I_tr, X, not images, texts and labels"),
        ({"I": IMAGES, "T": TEXTS, "L": np.full((6, 2), 0.5)}, "neither 0 nor 1"),
    ],
)
def test_contents_that_do_not_fit(tmp_path: Path, content: dict[str, Any], problem: str) -> None:
    savemat(tmp_path / "some.mat", content)
    with pytest.raises(DamagedFileError, match=problem) as caught:
        read(tmp_path)
    assert "some.mat" in str(caught.value.where)


def test_a_missing_query_variable(tmp_path: Path) -> None:
    content = split_file()
    del content["T_te"]
    savemat(tmp_path / "some.mat", content)
    with pytest.raises(InputError, match="T_te"):
        read(tmp_path)


def test_torn_and_misnamed_files(tmp_path: Path) -> None:
    path = tmp_path / "some.mat"
    savemat(path, split_file())
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"1 2 3\n", b"", b"PK\x03\x04", whole[:130]):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError):
            read(tmp_path)


@given(
    values=hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=3),
    )
)
@example(values=np.array([[1e43, -1.0]]))
@example(values=np.array([[3.4028236e38]]))
@example(values=np.array([[-np.finfo(np.float64).max]]))
def test_a_matrix_of_any_values_is_read_or_refused(values: npt.NDArray[Any]) -> None:
    for read_matrix in (feature_matrix, label_matrix):
        try:
            matrix = read_matrix(values, where="file")
        except DamagedFileError as error:
            assert error.where == "file"  # noqa: PT017
        else:
            assert len(matrix) in (len(values), values.size)
            assert np.isfinite(matrix).all()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_scribbled_files_give_a_dataset_or_one_clear_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "some.mat"
    savemat(path, split_file(), do_compression=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(120, 2**16)) % len(content)] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read(tmp_path)
    except HashbenchError as error:
        assert error.where is not None  # noqa: PT017


@pytest.mark.shared
def test_wikipedia(shared_data: Path) -> None:
    dataset = read(shared_data / "wikipedia")
    assert dataset.features is not None
    assert [part.shape for part in dataset.features] == [(2866, 128), (2866, 10)]
    assert dataset.class_names == WIKIPEDIA
    assert dataset.labels.sum(axis=1).tolist() == [1] * 2866
    assert [len(dataset.roles[role]) for role in ("train", "query")] == [2173, 693]
    assert dataset.labels[dataset.roles["query"]].sum(axis=0).tolist() == [
        34, 88, 96, 85, 65, 58, 51, 41, 71, 104,
    ]  # fmt: skip
    assert read(shared_data, "wikipedia").fingerprint == dataset.fingerprint
