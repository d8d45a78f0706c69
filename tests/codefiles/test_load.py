"""Files of every layout lead to the same codes and labels; what is ambiguous is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from hashbench.codefiles import layouts
from hashbench.codefiles.load import RetrievalTask, load
from hashbench.codefiles.read_options import ReadOptions
from hashbench.errors import InputError, UnknownNameError

QUERIES, ITEMS, BITS, CLASSES = 7, 20, 16, 5
RNG = np.random.default_rng(3)
QUERY, DATABASE, QUERY_TEXT, DATABASE_TEXT = (
    RNG.integers(0, 2, (n, BITS)).astype(bool) for n in (QUERIES, ITEMS, QUERIES, ITEMS)
)
QUERY_LABELS, DATABASE_LABELS = (
    RNG.integers(0, 2, (n, CLASSES)).astype(bool) for n in (QUERIES, ITEMS)
)
LABELS = {"L_te": QUERY_LABELS * 1.0, "L_db": DATABASE_LABELS * 1.0}


def signs(codes: np.ndarray) -> np.ndarray:
    return np.where(codes, 1.0, -1.0)


PLAIN = {"val_B": signs(QUERY), "retrieval_B": signs(DATABASE), **LABELS}
CROSS = {
    "image": (QUERY, DATABASE), "text": (QUERY_TEXT, DATABASE_TEXT),
}  # fmt: skip


def save(path: Path, content: dict[str, Any], form: str = "v5") -> Path:
    if form == "v5":
        scipy.io.savemat(path, content, do_compression=True)
    elif form == "npz":
        np.savez(path, **content)
    else:
        with h5py.File(path, "w") as file:
            for name, value in content.items():
                file[name] = value.T
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
    return path


def assert_plain(task: RetrievalTask) -> None:
    assert np.array_equal(task.query.to_bools(), QUERY)
    assert np.array_equal(task.database.to_bools(), DATABASE)
    assert np.array_equal(task.query_labels.to_bools(), QUERY_LABELS)
    assert np.array_equal(task.database_labels.to_bools(), DATABASE_LABELS)


@pytest.mark.parametrize("form", ["v5", "v7.3", "npz"])
@pytest.mark.parametrize("values", ["signs", "zero-one", "bool", "float32", "int8"])
@pytest.mark.parametrize("turned", ["", "codes", "labels", "both"])
def test_val_retrieval(tmp_path: Path, form: str, values: str, turned: str) -> None:
    convert = {
        "signs": signs, "zero-one": lambda c: c * 1.0, "bool": lambda c: c,
        "float32": lambda c: signs(c).astype(np.float32),
        "int8": lambda c: signs(c).astype(np.int8),
    }[values]  # fmt: skip
    content = PLAIN | {"val_B": convert(QUERY), "retrieval_B": convert(DATABASE)}
    for kind, names in (("codes", ("val_B", "retrieval_B")), ("labels", ("L_te", "L_db"))):
        if turned in (kind, "both"):
            content |= {name: content[name].T for name in names}
    (task,) = load(save(tmp_path / f"x.{'npz' if form == 'npz' else 'mat'}", content, form))
    assert_plain(task)
    assert (task.layout, task.direction) == ("val-retrieval", "mm")


@pytest.mark.parametrize(
    "names",
    [
        ("q_img", "q_txt", "r_img", "r_txt", "q_l", "r_l"),
        ("BxTest", "ByTest", "BxTrain", "ByTrain", "LQuery", "LDB"),
        ("qBX", "qBY", "rBX", "rBY", "query_L", "retrieval_L"),
        ("Q_img", "Q_txt", "R_img", "R_txt", "Q_L", "R_L"),
    ],
)
def test_cross_modal_layouts(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = (QUERY, QUERY_TEXT, DATABASE, DATABASE_TEXT)
    content = dict(zip(names, [*map(signs, arrays), *LABELS.values()], strict=True))
    path = save(tmp_path / "x.mat", content)
    first, second = load(path)
    assert (first.direction, second.direction) == ("i2t", "t2i")
    assert np.array_equal(first.query.to_bools(), QUERY)
    assert np.array_equal(first.database.to_bools(), DATABASE_TEXT)
    assert np.array_equal(second.query.to_bools(), QUERY_TEXT)
    assert np.array_equal(second.database.to_bools(), DATABASE)
    (third,) = load(path, ReadOptions(directions=("i2i",)))
    assert_plain(third)
    every = load(path, ReadOptions(every_direction=True))
    assert [task.direction for task in every] == ["i2t", "t2i", "i2i", "t2t"]
    with pytest.raises(InputError, match="no codes for mm"):
        load(path, ReadOptions(directions=("mm",)))


def test_database_labels_of_each_modality(tmp_path: Path) -> None:
    content = {
        "BxTest": signs(QUERY), "ByTest": signs(QUERY_TEXT), "BxTrain": signs(DATABASE),
        "ByTrain": signs(DATABASE_TEXT[:12]), "LQuery": QUERY_LABELS * 1.0,
        "LxDB": DATABASE_LABELS * 1.0, "LyDB": DATABASE_LABELS[:12] * 1.0,
    }  # fmt: skip
    i2t, t2i = load(save(tmp_path / "x.mat", content))
    assert (len(i2t.database), len(i2t.database_labels)) == (12, 12)
    assert (len(t2i.database), len(t2i.database_labels)) == (20, 20)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_packed_codes_in_a_struct_with_labels_elsewhere(tmp_path: Path, dtype: type) -> None:
    pack = lambda codes: np.packbits(codes, axis=1, bitorder="little").astype(dtype)  # noqa: E731
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"result": {"qB": pack(QUERY), "rB": pack(DATABASE), "map": 0.5}})
    labels = save(tmp_path / "l.npz", {"query": QUERY_LABELS, "database": DATABASE_LABELS}, "npz")
    packed = "" if dtype is np.uint8 else "little"
    (task,) = load(path, ReadOptions(labels=str(labels), packed=packed))  # type: ignore[arg-type]
    assert_plain(task)
    assert task.notes == ("the file itself states result.map = 0.5",)
    with pytest.raises(InputError, match="--labels FILE"):
        load(path)
    if dtype is np.float64:
        with pytest.raises(InputError, match="--packed little"):
            load(path, ReadOptions(labels=str(labels)))


@pytest.mark.parametrize("bitorder", ["little", "big"])
def test_bits_that_fill_no_whole_byte(tmp_path: Path, bitorder: str) -> None:
    content = {
        "qB": np.packbits(QUERY[:, :11], axis=1, bitorder=bitorder),
        "rB": np.packbits(DATABASE[:, :11], axis=1, bitorder=bitorder),
        **LABELS,
    }
    reading = ReadOptions(bits=11, packed=bitorder)  # type: ignore[arg-type]
    (task,) = load(save(tmp_path / "x.npz", content, "npz"), reading)
    assert np.array_equal(task.query.to_bools(), QUERY[:, :11])
    for wrong in (8, 17, 64):
        with pytest.raises(InputError, match="bits"):
            load(tmp_path / "x.npz", ReadOptions(bits=wrong))


def test_words_of_64_bits_are_packed_codes(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 2, (ITEMS, 128)).astype(bool)
    words = np.packbits(wide, axis=1, bitorder="little").view("<u8")
    content = {"val_B": words[:QUERIES], "retrieval_B": words, **LABELS}
    (task,) = load(save(tmp_path / "x.npz", content, "npz"))
    assert np.array_equal(task.database.to_bools(), wide)


def test_keys_by_option_and_labels_in_every_place(tmp_path: Path) -> None:
    content = {"a": signs(QUERY), "b": signs(DATABASE), "y1": LABELS["L_te"], "y2": LABELS["L_db"]}
    path = save(tmp_path / "x.mat", content)
    np.save(tmp_path / "q.npy", QUERY_LABELS)
    both = save(tmp_path / "both.mat", {"one": LABELS["L_te"], "two": LABELS["L_db"]})
    codes = {"query": "a", "database": "b"}
    for given in (
        {"query_labels": "y1", "database_labels": "y2"},
        {"query_labels": str(tmp_path / "q.npy"), "database_labels": f"{both}:two"},
        {"labels": f"{both}:one,two"},
    ):
        (task,) = load(path, ReadOptions(**codes, **given))  # type: ignore[arg-type]
        assert_plain(task)
    for given, message in (
        ({}, "--query KEY --database KEY"),
        ({"query": "a"}, "belong together"),
        (codes, "--labels FILE"),
        (codes | {"query_labels": "y1"}, "--labels FILE"),
        (codes | {"labels": str(both)}, "QUERY_KEY,DATABASE_KEY"),
        (codes | {"labels": f"{both}:one"}, "two are expected"),
        (codes | {"query_labels": str(both), "database_labels": "y2"}, "say which"),
    ):
        with pytest.raises(InputError, match=message):
            load(path, ReadOptions(**given))
    with pytest.raises(UnknownNameError, match="did you mean y2"):
        load(path, ReadOptions(**codes, query_labels="y22", database_labels="y2"))


@pytest.mark.parametrize("base", [0, 1, 100])
@pytest.mark.parametrize("shape", ["column", "row", "flat"])
def test_class_numbers(tmp_path: Path, base: int, shape: str) -> None:
    query, database = np.arange(QUERIES) % 3, np.arange(ITEMS) % 3
    turn = {"column": lambda a: a[:, None], "row": lambda a: a[None, :], "flat": lambda a: a}[shape]
    content = PLAIN | {"L_te": turn(query + base), "L_db": turn(database + base)}
    (task,) = load(save(tmp_path / "x.npz", content, "npz"))
    shared = (task.query_labels.words & task.database_labels.words.T) > 0
    assert np.array_equal(shared, query[:, None] == database[None, :])


def test_one_column_of_zeros_and_ones_is_asked_for(tmp_path: Path) -> None:
    query, database = np.arange(QUERIES) % 2, np.arange(ITEMS) % 2
    content = PLAIN | {"L_te": query[:, None], "L_db": database[:, None]}
    path = save(tmp_path / "x.mat", content)
    with pytest.raises(InputError, match="--labels-as multi-hot"):
        load(path)
    (index,) = load(path, ReadOptions(labels_as="index"))
    (hot,) = load(path, ReadOptions(labels_as="multi-hot"))
    assert index.query_labels.classes == 2
    assert np.array_equal(hot.query_labels.to_bools()[:, 0], query == 1)


def test_a_single_query_keeps_its_multi_hot_labels(tmp_path: Path) -> None:
    content = PLAIN | {"val_B": PLAIN["val_B"][:1], "L_te": PLAIN["L_te"][:1]}
    (task,) = load(save(tmp_path / "x.mat", content))
    assert np.array_equal(task.query_labels.to_bools(), QUERY_LABELS[:1])


def test_zeros_are_counted_and_decided_by_the_user(tmp_path: Path) -> None:
    codes = signs(QUERY)
    codes[0, :3] = 0
    path = save(tmp_path / "x.mat", PLAIN | {"val_B": codes})
    with pytest.raises(InputError, match=r"3 of 432 values are 0.*\n.*--zero plus"):
        load(path)
    for zero, value in (("plus", True), ("minus", False)):
        (task,) = load(path, ReadOptions(zero=zero))  # type: ignore[arg-type]
        expected = QUERY.copy()
        expected[0, :3] = value
        assert np.array_equal(task.query.to_bools(), expected)
        assert "3 of 432" in task.notes[0]
    # zeros and ones on one side only are the same question
    mixed = save(tmp_path / "mixed.mat", PLAIN | {"val_B": QUERY * 1.0})
    with pytest.raises(InputError, match="--zero plus"):
        load(mixed)
    (task,) = load(mixed, ReadOptions(zero="minus"))
    assert_plain(task)


def test_square_matrices_are_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    square = {
        "val_B": signs(rng.random((8, 8)) > 0.5),
        "retrieval_B": signs(rng.random((8, 8)) > 0.5),
        "L_te": rng.integers(0, 2, (8, 3)),
        "L_db": rng.integers(0, 2, (8, 3)),
    }
    path = save(tmp_path / "x.npz", square, "npz")
    with pytest.raises(InputError, match="--items rows"):
        load(path)
    (rows,) = load(path, ReadOptions(items="rows"))
    (columns,) = load(path, ReadOptions(items="columns"))
    assert np.array_equal(rows.query.to_bools(), square["val_B"] > 0)
    assert np.array_equal(columns.query.to_bools(), square["val_B"].T > 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"val_B": signs(QUERY)[:, :12]}, "same number of bits"),
        ({"val_B": np.where(QUERY, np.nan, 1.0)}, "NaN"),
        ({"val_B": np.where(QUERY, np.inf, 1.0)}, "infinite"),
        ({"val_B": np.where(QUERY, 0.73, -0.2)}, "--binarize sign"),
        ({"val_B": np.zeros((0, BITS))}, "empty"),
        ({"val_B": np.zeros((2, QUERIES, BITS))}, "one or two axes"),
        ({"val_B": signs(QUERY) * 1j}, "complex"),
        ({"val_B": np.array(["no", "codes"])}, "not a matrix"),
        ({"val_B": signs(QUERY)[0]}, "not"),
        ({"L_te": LABELS["L_te"][:5]}, "do not match"),
        ({"L_te": LABELS["L_te"][:, :4]}, "same classes"),
        ({"L_te": LABELS["L_te"] + 1}, "labels contain 2"),
        ({"L_te": np.where(QUERY_LABELS, np.nan, 0.0)}, "NaN"),
        ({"L_te": np.linspace(0, 1, QUERIES), "L_db": np.arange(ITEMS)}, "whole"),
        ({"L_te": -np.arange(QUERIES), "L_db": np.arange(ITEMS)}, "not negative"),
    ],
)
def test_one_clear_error_each(tmp_path: Path, change: dict[str, np.ndarray], message: str) -> None:
    path = save(tmp_path / "x.npz", PLAIN | change, "npz")
    with pytest.raises(InputError, match=message) as caught:
        load(path)
    assert "x.npz" in str(caught.value)
    assert caught.value.exit_code == 2


def test_several_layouts_are_asked_for(tmp_path: Path) -> None:
    content = PLAIN | {"qB": signs(QUERY_TEXT), "rB": signs(DATABASE_TEXT)}
    path = save(tmp_path / "x.mat", content)
    with pytest.raises(InputError, match="--layout val-retrieval"):
        load(path)
    (task,) = load(path, ReadOptions(layout="val-retrieval"))
    assert_plain(task)
    with pytest.raises(UnknownNameError, match="did you mean qb-rb"):
        load(path, ReadOptions(layout="qb_rb"))
    with pytest.raises(UnknownNameError, match="direction"):
        load(path, ReadOptions(directions=("i2x",)))


def test_labels_by_the_words_of_their_names() -> None:
    names = ["L_te", "L_tr", "L_db", "unrelated", "labels_query"]
    assert layouts.find_labels(["x", "test_label", "trainLabels"], "query", "") == "test_label"
    assert layouts.find_labels(["x", "test_label", "trainLabels"], "database", "") == "trainLabels"
    assert layouts.find_labels(names, "database", "") == "L_db"  # a database before a training set
    assert layouts.find_labels(["LxDB", "LyDB"], "database", "text") == "LyDB"
    assert layouts.find_labels(["query", "database"], "query", "") is None
    assert layouts.find_labels(["query", "database"], "query", "", only_labels=True) == "query"
    with pytest.raises(InputError, match="--query-labels"):
        layouts.find_labels(["q_l", "query_labels"], "query", "")


@pytest.mark.shared
def test_published_files(shared_data: Path, tmp_path: Path) -> None:
    (task,) = load(shared_data / "codes" / "pghmh_flickr25k_16.mat")
    assert (len(task.query), len(task.database), task.query.bits) == (2000, 22581, 16)
    labels = tmp_path / "labels.npz"
    np.savez(labels, query=np.repeat(np.arange(10), 100), database=np.repeat(np.arange(10), 5400))
    (task,) = load(shared_data / "codes" / "adsh_cifar10_24.mat", ReadOptions(labels=str(labels)))
    assert (len(task.query), len(task.database), task.query.bits) == (1000, 54000, 24)
