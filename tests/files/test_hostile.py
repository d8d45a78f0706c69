"""Files that are cut, mangled, misnamed or made to do harm: one clear error each, and quickly."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from hashbench.errors import DamagedFileError, HashbenchError
from hashbench.files import array_files

V5_HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"


def tag(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind: int, shape: tuple[int, ...], body: bytes, name: bytes = b"x") -> bytes:
    dims = struct.pack(f"<{len(shape)}i", *shape)
    return tag(14, tag(6, struct.pack("<II", kind, 0)) + tag(5, dims) + tag(1, name) + body)


def samples(folder: Path) -> dict[str, bytes]:
    """One small valid file of each form."""
    rng = np.random.default_rng(1)
    content = {
        "val_B": np.sign(rng.normal(size=(12, 8))),
        "s": {"qB": np.arange(6, dtype=np.uint8).reshape(2, 3), "name": "abc"},
        "c": np.array([["ab", "cde"]], dtype=object),
        "t": np.array(["a", "bbb"]),
    }
    scipy.io.savemat(folder / "plain.mat", content)
    scipy.io.savemat(folder / "packed.mat", content, do_compression=True)
    np.savez(folder / "plain.npz", a=content["val_B"], t=content["t"])
    np.savez_compressed(folder / "packed.npz", a=content["val_B"], t=content["t"])
    np.save(folder / "one.npy", content["val_B"])
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file.create_dataset("val_B", data=content["val_B"].T, compression="gzip")
        file["val_B"].attrs["MATLAB_class"] = np.bytes_("double")
        file.create_group("s").create_dataset("name", data=np.array([[97], [98]], np.uint16))
        file["s/name"].attrs["MATLAB_class"] = np.bytes_("char")
        cell = file.create_dataset("c", (2, 1), dtype=h5py.ref_dtype)
        cell[0, 0] = cell[1, 0] = file["s/name"].ref
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes cut short, with a few changed, with a number replaced, or with some left out."""
    changed = bytearray(data)
    way = int(rng.integers(4))
    at = int(rng.integers(len(data)))
    if way == 0:
        return bytes(changed[:at])
    if way == 1:
        for place in rng.integers(0, len(data), 3):
            changed[place] = int(rng.integers(256))
    elif way == 2:
        value = int(rng.choice([0, 1, 3, 14, 17, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]))
        changed[at : at + 4] = value.to_bytes(4, "little")
    else:
        del changed[at : at + int(rng.integers(1, 100))]
    return bytes(changed)


@pytest.mark.parametrize(
    "name", ["plain.mat", "packed.mat", "plain.npz", "packed.npz", "one.npy", "v73.mat"]
)
def test_mutations_give_an_error_of_ours_or_a_value(tmp_path: Path, name: str) -> None:
    data = samples(tmp_path)[name]
    rng = np.random.default_rng(7)
    target = tmp_path / f"mutated{Path(name).suffix}"
    refused = nameless = 0
    for _ in range(250):
        target.write_bytes(mutated(data, rng))
        try:
            array_files.contents(target)
            array_files.read(target)
        except HashbenchError as error:
            refused += 1
            nameless += str(target) not in str(error)
    assert refused > 50
    assert not nameless


def _contents_and_values(path: Path) -> None:
    array_files.contents(path)
    array_files.read(path)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.mat", b"", "empty"),
        ("a.mat", b"hello, this is text\n" * 20, "neither"),
        ("a.npz", b"\x80\x04\x95" + b"0" * 40, "pickle"),
        ("a.mat", V5_HEAD[:126], "cut"),
        ("a.mat", V5_HEAD + b"\0" * 5, "ends"),
        ("a.mat", V5_HEAD + tag(9, b"\0" * 8), "element of type 9"),
        ("a.mat", V5_HEAD + struct.pack("<II", 14, 1 << 30), "declares"),
        ("a.mat", V5_HEAD + matrix(6, (4, 4), tag(9, b"\0" * 64)), "shape"),
        ("a.mat", V5_HEAD + matrix(6, (-1, 4), tag(9, b"\0" * 64)), "impossible dimensions"),
        ("a.mat", V5_HEAD + matrix(1, (1 << 30, 1), b""), "cells"),
        ("a.mat", V5_HEAD + matrix(4, (1 << 30, 1), tag(16, b"ab")), "rows"),
        ("a.mat", V5_HEAD + matrix(2, (1 << 30, 1), tag(5, b"\4\0\0\0") + tag(1, b"")), "structs"),
        ("a.mat", V5_HEAD + 2 * matrix(6, (1, 1), tag(9, b"\0" * 8)), "two variables"),
        ("a.mat", V5_HEAD + matrix(6, (1, 1), tag(9, b"\0" * 8), b"\x1b[2J"), "named"),
    ],
)  # fmt: skip
def test_one_clear_error(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DamagedFileError, match=problem) as caught:
        _contents_and_values(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "source"), [("x.mat", "plain.npz"), ("x.npz", "plain.mat"), ("x.npz", "one.npy")]
)
def test_wrong_names_are_said(tmp_path: Path, wrong: str, source: str) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    (tmp_path / wrong).write_bytes(samples(folder)[source])
    with pytest.raises(DamagedFileError, match="rename it to x"):
        array_files.read(tmp_path / wrong)


def test_v5_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    declared = 3 << 30
    packer = zlib.compressobj(9)
    head = struct.pack("<II", 14, declared) + matrix(6, (1, 1), b"")[8:]
    packed = packer.compress(head) + packer.compress(b"\0" * (8 << 20)) + packer.flush()
    (tmp_path / "bomb.mat").write_bytes(V5_HEAD + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(DamagedFileError, match="more than a file of"):
        array_files.read(tmp_path / "bomb.mat")


def test_v5_compressed_data_that_are_longer_or_shorter_than_declared(tmp_path: Path) -> None:
    body = matrix(6, (1, 1), tag(9, b"\0" * 8))
    for content in (body + b"\0" * 4096, body[:-8]):
        packed = zlib.compress(content)
        data = V5_HEAD + struct.pack("<II", 15, len(packed)) + packed
        (tmp_path / "x.mat").write_bytes(data)
        with pytest.raises(DamagedFileError, match=r"length|ends|declares"):
            array_files.read(tmp_path / "x.mat")


def test_v5_text_of_many_rows_without_letters_is_empty(tmp_path: Path) -> None:
    (tmp_path / "x.mat").write_bytes(V5_HEAD + matrix(4, (1 << 30, 0), tag(16, b"")))
    assert array_files.read(tmp_path / "x.mat") == {"x": ""}


def test_v5_nesting_is_bounded(tmp_path: Path) -> None:
    inner = matrix(6, (1, 1), tag(9, b"\0" * 8))
    for _ in range(400):
        inner = matrix(1, (1, 1), inner)
    (tmp_path / "deep.mat").write_bytes(V5_HEAD + inner)
    with pytest.raises(DamagedFileError, match="deep"):
        array_files.read(tmp_path / "deep.mat")


def test_v5_objects_are_left_out_and_refused_by_name(tmp_path: Path) -> None:
    opaque = tag(14, tag(6, struct.pack("<II", 17, 0)) + tag(1, b"obj") + tag(1, b"MCOS"))
    number = matrix(6, (1, 1), tag(9, b"\0" * 8), b"B")
    handle = matrix(16, (1, 1), b"", b"fn")
    (tmp_path / "x.mat").write_bytes(V5_HEAD + opaque + handle + number)
    assert array_files.contents(tmp_path / "x.mat") == {
        "obj": "object",
        "fn": "object",
        "B": "array",
    }
    assert list(array_files.read(tmp_path / "x.mat")) == ["B"]
    with pytest.raises(DamagedFileError, match="MATLAB object"):
        array_files.read(tmp_path / "x.mat", ["obj"])


def test_npz_bombs_and_objects(tmp_path: Path) -> None:
    def archive(name: str, header: dict[str, object], data: bytes) -> Path:
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)  # type: ignore[arg-type]
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a.npy", buffer.getvalue() + data)
        return tmp_path / name

    plain = {"fortran_order": False, "descr": "<f8"}
    bomb = archive("bomb.npz", plain | {"shape": (1 << 20,)}, b"\0" * (8 << 20))
    with pytest.raises(DamagedFileError, match="more than a file of"):
        array_files.read(bomb, max_bytes=8 << 20)
    lie = archive("lie.npz", plain | {"shape": (1 << 40,)}, b"\0" * 64)
    with pytest.raises(DamagedFileError, match="declares"):
        array_files.read(lie)
    empty = archive("none.npz", {"fortran_order": False, "descr": "|S0", "shape": (1 << 60,)}, b"")
    with pytest.raises(DamagedFileError, match="no size"):
        array_files.read(empty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object), b=np.ones(2))
    with pytest.raises(DamagedFileError, match="pickle"):
        array_files.read(tmp_path / "objects.npz")
    assert list(array_files.read(tmp_path / "objects.npz", ["b"])) == ["b"]
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as file:
        file.writestr("../evil.txt", "x")
    with pytest.raises(DamagedFileError, match="zip archive, but not one of"):
        array_files.read(tmp_path / "other.npz")


def test_hdf5_numbers_where_letters_or_indices_belong(tmp_path: Path) -> None:
    path = tmp_path / "odd.mat"
    wild = np.array([[1e43, np.nan]])
    for parts, problem in (
        ({"B": wild}, "letters"),
        ({"B/jc": np.array([0.0, 1e43]), "B/ir": np.array([0]), "B/data": np.ones(1)}, "indices"),
        ({"B/jc": np.array([0, 1]), "B/ir": np.array([np.nan]), "B/data": np.ones(1)}, "indices"),
        ({"B/jc": np.array([0, 1]), "B/ir": np.array([0]), "B/data": np.ones(1) * 1j}, "complex"),
    ):
        with h5py.File(path, "w") as file:
            for name, value in parts.items():
                file[name] = value
            if len(parts) == 1:
                file["B"].attrs["MATLAB_class"] = np.bytes_("char")
            else:
                file["B"].attrs["MATLAB_class"] = np.bytes_("double")
                file["B"].attrs["MATLAB_sparse"] = np.uint64(2)
        with pytest.raises(DamagedFileError, match=problem):
            array_files.read(path)


def test_hdf5_stays_inside_the_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones(3)
    cases = {}
    for name in ("external", "soft", "virtual", "raw", "sparse_chunks", "huge", "vlen"):
        cases[name] = tmp_path / f"{name}.mat"
        with h5py.File(cases[name], "w") as file:
            if name == "external":
                file["B"] = h5py.ExternalLink("other.h5", "/secret")
            elif name == "soft":
                file["B"] = h5py.SoftLink("/nowhere")
            elif name == "virtual":
                layout = h5py.VirtualLayout((3,), "f8")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (3,))
                file.create_virtual_dataset("B", layout)
            elif name == "raw":
                file.create_dataset("B", (3,), "f8", external=[(str(tmp_path / "raw"), 0, 24)])
            elif name == "sparse_chunks":
                file.create_dataset("B", (1 << 20,), "u1", chunks=(1,))
            elif name == "huge":
                file.create_dataset("B", (1 << 28,), "f8", chunks=(1 << 24,))
            else:
                file.create_dataset("B", data=["one", "three"])
    problem = {"external": "link", "soft": "link", "virtual": "another file", "raw": "another file",
            "sparse_chunks": "chunks", "huge": "declares", "vlen": "variable length"}  # fmt: skip
    for name, path in cases.items():
        with pytest.raises(DamagedFileError, match=problem[name]):
            array_files.read(path)
