"""Codes for other programs, read back by those programs' own libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.codefiles import code_export
from hashbench.codefiles.code_export import FORMS, form_named
from hashbench.codefiles.native import CodeSet
from hashbench.engine.retrieval_server import distances, nearest
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks

QUERIES, DATABASE, CLASSES = 7, 40, 5
ABOUT = {"run": "made", "protocol": "strict"}


def code_set(bits: int, *modalities: str, seed: int = 0, ids: list[str] | None = None) -> CodeSet:
    draw = np.random.default_rng(seed)

    def codes(count: int) -> dict[str, Codes]:
        return {m: Codes.from_signs(draw.random((count, bits)) < 0.5) for m in modalities}

    masks = [draw.random((count, CLASSES)) < 0.4 for count in (QUERIES, DATABASE)]
    return CodeSet(
        bits, codes(QUERIES), codes(DATABASE), *map(LabelMasks.from_multi_hot, masks),
        query_ids=[f"q{n} ü" for n in range(QUERIES)],
        database_ids=ids or [f"d{n}" for n in range(DATABASE)],
        class_names=("dog", "sea", "sky", "café", "猫"),
    )  # fmt: skip


def written(tmp_path: Path, form: str, codes: CodeSet) -> Path:
    path = tmp_path / f"{codes.bits}{FORMS[form].suffix}"
    form_named(form).write(path, codes, ABOUT)
    return path


@pytest.mark.parametrize("ids", [None, [str(1000 + 7 * n) for n in range(DATABASE)]])
@pytest.mark.parametrize("bits", [8, 12, 64, 70])
def test_faiss_finds_our_neighbours(tmp_path: Path, bits: int, ids: list[str] | None) -> None:
    """Distances of the k nearest agree, and so do the ids nearer than the k-th: FAISS leaves open
    which of several items at one distance come last.
    """
    faiss: Any = pytest.importorskip("faiss", reason="needs the extra faiss")
    codes = code_set(bits, "image", "text", ids=ids)
    folder = written(tmp_path, "faiss", codes)
    top = 15
    for source, target in (("image", "text"), ("text", "image"), ("image", "image")):
        index = faiss.read_index_binary(str(folder / f"database_{target}.faiss"))
        assert isinstance(index, faiss.IndexBinaryIDMap)
        assert index.ntotal == DATABASE
        asked = np.load(folder / f"query_{source}.npy")
        found, names = index.search(asked, top)
        for row in range(QUERIES):
            count = distances(codes.query[source].words[row], codes.database[target].words)
            ours = nearest(count, top)
            assert found[row].tolist() == count[ours].tolist()
            name = [int(ids[n]) if ids else n for n in range(DATABASE)]
            last = count[ours[-1]]
            assert {n for n, d in zip(names[row], found[row], strict=True) if d < last} == {
                name[place] for place in ours if count[place] < last
            }
    about = json.loads((folder / "about.json").read_text())
    assert about["run"] == "made"
    assert about["ids of the index"] == (
        "the items' ids" if ids else "places in the database, from 0"
    )
    lines = (folder / "database_ids.txt").read_text("utf-8").splitlines()
    assert lines == list(codes.database_ids)


def test_without_faiss_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(InputError, match=r"pip install 'hashbench\[faiss\]'"):
        code_export.check_available(form_named("faiss"))
    with pytest.raises(InputError, match="faiss"):
        written(tmp_path, "faiss", code_set(8, "image", "text"))
    assert list(tmp_path.rglob("*.*")) == []


def test_scipy_reads_the_mat_files(tmp_path: Path) -> None:
    codes = code_set(12, "image", "text")
    content = scipy.io.loadmat(written(tmp_path, "mat", codes), simplify_cells=True)
    check_arrays(content, codes)
    assert list(content["query_ids"]) == list(codes.query_ids)
    assert list(content["class_names"]) == list(codes.class_names)
    assert json.loads(content["about"]) == ABOUT
    released = scipy.io.loadmat(written(tmp_path, "dcmht", codes))
    for key, part in (("q_img", codes.query["image"]), ("r_txt", codes.database["text"])):
        assert np.array_equal(released[key] > 0, part.to_bools())
        assert set(np.unique(released[key])) == {-1.0, 1.0}
    assert np.array_equal(released["q_l"], codes.query_labels.to_bools())
    assert np.array_equal(released["r_l"], codes.database_labels.to_bools())


def test_h5py_reads_the_hdf5_files(tmp_path: Path) -> None:
    codes = code_set(70, "mm")
    path = written(tmp_path, "hdf5", codes)
    with h5py.File(path) as file:
        check_arrays({name: file[name][:] for name in file}, codes)
        assert file["class_names"].asstr()[:].tolist() == list(codes.class_names)
        assert dict(file.attrs) == ABOUT


def test_numpy_reads_the_folders_without_pickle(tmp_path: Path) -> None:
    codes = code_set(33, "image", "text")
    folder = written(tmp_path, "npy", codes)
    content = {path.stem: np.load(path, allow_pickle=False) for path in folder.glob("*.npy")}
    check_arrays(content, codes)
    assert content["database_ids"].tolist() == list(codes.database_ids)


def check_arrays(content: Any, codes: CodeSet) -> None:
    """Codes as -1 and +1 and labels as 0 and 1, under our own names."""
    for side in ("query", "database"):
        for modality, part in getattr(codes, side).items():
            array = content[f"{side}_{modality}"]
            assert np.array_equal(array, np.where(part.to_bools(), 1, -1))
        assert np.array_equal(
            content[f"{side}_labels"], getattr(codes, f"{side}_labels").to_bools()
        )


def test_a_layout_without_a_place_for_the_codes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no place for image and text codes"):
        written(tmp_path, "pghmh", code_set(8, "image", "text"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["mat", "hdf5", "dcmht"])
def test_the_same_codes_are_the_same_bytes(tmp_path: Path, form: str) -> None:
    codes = code_set(12, "image", "text")
    first = written(tmp_path, form, codes).read_bytes()
    assert written(tmp_path, form, codes).read_bytes() == first


@given(st.integers(1, 140), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_packed_bytes_keep_every_distance(bits: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    signs = draw.random((6, bits)) < 0.5
    packed = code_export.packed_bytes(Codes.from_signs(signs))
    assert packed.shape == (6, -(-bits // 8))
    for one, row in zip(packed, signs, strict=True):
        for other, place in zip(packed, signs, strict=True):
            counted = sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(one, other, strict=True))
            assert counted == int((row != place).sum())
