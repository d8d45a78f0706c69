"""The readers against files that scipy, h5py and numpy wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.files import array_files

CAPTIONS = ["a red house", "", "né à Zürich", "two dogs"]
TYPES = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"]


def cells(entries: list[Any]) -> np.ndarray:
    array = np.empty((len(entries), 1), dtype=object)
    array[:, 0] = entries
    return array


def v73(path: Path, variables: dict[str, Any]) -> None:
    """Writes a v7.3 file as MATLAB lays it out: transposed, cells as references, a user block."""

    def put(group: h5py.Group, name: str, value: Any) -> None:
        if isinstance(value, dict):
            child = group.create_group(name)
            child.attrs["MATLAB_class"] = np.bytes_("struct")
            for field, inner in value.items():
                put(child, field, inner)
        elif isinstance(value, list):
            refs = group.file.require_group("#refs#")
            data = group.create_dataset(name, (len(value), 1), dtype=h5py.ref_dtype)
            data.attrs["MATLAB_class"] = np.bytes_("cell")
            for row, inner in enumerate(value):
                target = f"{group.name.strip('/')}.{name}.{row}".replace("/", ".")
                put(refs, target, inner)
                data[row, 0] = refs[target].ref
        elif isinstance(value, str):
            codes = np.array([[ord(letter)] for letter in value], dtype=np.uint16)
            data = group.create_dataset(name, data=codes if value else np.zeros(2, np.uint64))
            data.attrs["MATLAB_class"] = np.bytes_("char")
            if not value:
                data.attrs["MATLAB_empty"] = np.uint8(1)
        else:
            data = group.create_dataset(name, data=value.T, compression="gzip")
            kind = {"float64": "double", "float32": "single"}.get(value.dtype.name)
            data.attrs["MATLAB_class"] = np.bytes_(kind or value.dtype.name)

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            put(file, name, value)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: test".ljust(124) + b"\0\2IM")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_v5_numbers(tmp_path: Path, dtype: str, compressed: bool) -> None:
    matrix = np.random.default_rng(0).integers(0, 2, (7, 3)).astype(dtype)
    scipy.io.savemat(tmp_path / "x.mat", {"a": matrix, "b": matrix[:0]}, do_compression=compressed)
    variables = array_files.read(tmp_path / "x.mat")
    assert np.array_equal(variables["a"], matrix)
    assert variables["a"].dtype == matrix.dtype
    assert variables["a"].flags.c_contiguous
    assert variables["b"].shape == (0, 3)


@settings(max_examples=60, deadline=None)
@given(
    array=hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.uint8, np.int16, np.bool_]),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=5),
    ),
    compressed=st.booleans(),
)
def test_v5_agrees_with_scipy(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, compressed: bool
) -> None:
    path = tmp_path_factory.mktemp("v5") / "x.mat"
    scipy.io.savemat(path, {"a": array}, do_compression=compressed)
    with np.errstate(invalid="ignore"):
        expected = scipy.io.loadmat(path)["a"]
    assert np.array_equal(array_files.read(path)["a"], expected, equal_nan=array.dtype.kind == "f")


def test_v5_big_endian_sparse_complex(tmp_path: Path) -> None:
    dense = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    scipy.io.savemat(
        tmp_path / "x.mat",
        {"s": scipy.sparse.csc_matrix(dense), "c": np.array([[1 + 2j, 3]]), "e": []},
    )
    variables = array_files.read(tmp_path / "x.mat")
    assert np.array_equal(variables["s"], dense)
    assert np.array_equal(variables["c"], [[1 + 2j, 3]])
    assert variables["e"].size == 0
    # a big-endian file by hand: one 1x2 double matrix named v
    head = b"MATLAB 5.0".ljust(124) + b"\x01\x00MI"
    flags = bytes.fromhex("00000006 00000008 00000006 00000000")
    shape = bytes.fromhex("00000005 00000008 00000001 00000002")
    name = bytes.fromhex("00010001") + b"v\0\0\0"
    data = bytes.fromhex("00000009 00000010") + np.array([1.5, -2.0], ">f8").tobytes()
    body = flags + shape + name + data
    (tmp_path / "big.mat").write_bytes(
        head + (14).to_bytes(4, "big") + len(body).to_bytes(4, "big") + body
    )
    assert np.array_equal(array_files.read(tmp_path / "big.mat")["v"], [[1.5, -2.0]])


@pytest.mark.parametrize("compressed", [False, True])
def test_v5_text_cells_structs(tmp_path: Path, compressed: bool) -> None:
    content = {
        "result": {"qB": np.arange(6, dtype=np.uint8).reshape(2, 3), "who": "ADSH"},
        "caption": cells(CAPTIONS),
        "several": cells([cells(["a", "b"]), cells(["c"])]),
        "rows": np.array(["im1.jpg", "im22.jpg"]),
        "grid": np.array([["a", "b", "c"], ["d", "e", "f"]], dtype=object),
    }
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, content, do_compression=compressed)
    assert array_files.contents(path) == {
        "result": "struct", "caption": "cell", "several": "cell", "rows": "text", "grid": "cell",
    }  # fmt: skip
    variables = array_files.read(path)
    assert np.array_equal(variables["result"]["qB"], content["result"]["qB"])
    assert variables["result"]["who"] == "ADSH"
    assert array_files.strings(variables["caption"]) == CAPTIONS
    assert array_files.strings(variables["several"]) == [["a", "b"], ["c"]]
    assert array_files.strings(variables["rows"]) == ["im1.jpg", "im22.jpg"]
    assert variables["grid"] == [["a", "b", "c"], ["d", "e", "f"]]


def test_v73_text_cells_structs(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    matrix = np.arange(6.0).reshape(3, 2)
    v73(path, {"B": matrix, "caption": CAPTIONS, "several": [["a", "b"], ["c"]],
               "result": {"rB": matrix.astype(np.uint8), "inner": {"x": matrix}}})  # fmt: skip
    assert array_files.contents(path) == {
        "B": "array", "caption": "cell", "several": "cell", "result": "struct",
    }  # fmt: skip
    variables = array_files.read(path)
    assert np.array_equal(variables["B"], matrix)
    assert array_files.strings(variables["caption"]) == CAPTIONS
    assert array_files.strings(variables["several"]) == [["a", "b"], ["c"]]
    assert np.array_equal(variables["result"]["rB"], matrix)
    assert np.array_equal(variables["result"]["inner"]["x"], matrix)


def test_hdf5_of_another_program_is_not_transposed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["B"] = np.arange(6).reshape(3, 2)
        file["names"] = np.array([b"one", b"three"])
    variables = array_files.read(tmp_path / "x.mat")
    assert variables["B"].shape == (3, 2)
    assert array_files.strings(variables["names"]) == ["one", "three"]


def test_npz_and_npy(tmp_path: Path) -> None:
    matrix = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    np.savez(tmp_path / "x.npz", m=matrix, t=np.array(CAPTIONS), s=np.float32(2.5))
    variables = array_files.read(tmp_path / "x.npz")
    assert np.array_equal(variables["m"], matrix)
    assert variables["t"] == CAPTIONS
    assert variables["s"] == 2.5
    np.save(tmp_path / "labels.npy", matrix)
    assert np.array_equal(array_files.read(tmp_path / "labels.npy")["labels"], matrix)


@pytest.mark.parametrize("form", ["v5", "v7.3", "npz"])
def test_only_what_is_asked_for(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("x.npz" if form == "npz" else "x.mat")
    content = {"small": np.ones((2, 2)), "large": np.ones((400, 400))}
    if form == "v5":
        scipy.io.savemat(path, content)
    elif form == "npz":
        np.savez(path, **content)
    else:
        v73(path, content)
    assert list(array_files.read(path, ["small"], max_bytes=50_000)) == ["small"]
    with pytest.raises(DamagedFileError, match="more than a file of"):
        array_files.read(path, max_bytes=50_000)
    with pytest.raises(UnknownNameError, match="did you mean small"):
        array_files.read(path, ["smal"])


@pytest.mark.parametrize("value", [np.ones(2), {"a": "x"}, [np.ones(3)], [[["a"]]]])
def test_strings_refuses_what_is_no_text(value: Any) -> None:
    with pytest.raises(DamagedFileError, match="text"):
        array_files.strings(value, where="caption.mat: caption")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.mat"):
        with pytest.raises(InputError, match="not"):
            array_files.read(path)
