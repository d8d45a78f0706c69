"""Reading .npz and .npy files of plain numbers and strings, without pickle and without surprises.

The header of an array is read with a strict pattern, nothing of it is evaluated.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Literal

import numpy as np

from hashbench.errors import DamagedFileError
from hashbench.files.matlab_values import Array, Value
from hashbench.files.memory_budget import OBJECT_BYTES, Budget, elements

NPY_MAGIC = b"\x93NUMPY"
MAX_MEMBERS = 10_000
MAX_HEADER = 10_000
MAPPED_BYTES = 64 << 20
"""From this size on an .npy file is mapped into memory, not read: it may be larger than memory."""
_HEADER = re.compile(
    r"\{\s*'descr':\s*'(?P<descr>[<>|=]?[a-zA-Z]\d*)',"
    r"\s*'fortran_order':\s*(?P<fortran>True|False),"
    r"\s*'shape':\s*\((?P<shape>[\d,\sL]*)\),?\s*\}\s*"
)
# What zipfile raises on files that are cut, mangled, encrypted or packed in a way it lacks.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
)


def contents(path: Path) -> dict[str, str]:
    """The names of the arrays in an .npz file; each is of kind `array`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return dict.fromkeys(_members(archive, path), "array")
    except _BROKEN as error:
        raise _damaged(path, error) from None


def read(path: Path, budget: Budget, only: Collection[str] | None = None) -> dict[str, Value]:
    """The arrays of an .npz file, or those of them that are named in `only`."""
    values: dict[str, Value] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name, member in _members(archive, path).items():
                if only is None or name in only:
                    with archive.open(member) as stream:
                        values[name] = _array(stream, member.file_size, f"{path}: {name}", budget)
    except _BROKEN as error:
        raise _damaged(path, error) from None
    return values


def read_single(path: Path, budget: Budget) -> Value:
    """The one array of an .npy file; a big one of numbers as a memory map."""
    try:
        with path.open("rb") as stream:
            return _array(stream, path.stat().st_size, str(path), budget, path)
    except _BROKEN as error:
        raise DamagedFileError(f"is not a whole .npy file ({error})", where=path) from None


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    members = {
        info.filename.removesuffix(".npy"): info
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    }
    if not members or len(members) > MAX_MEMBERS or len(members) != len(archive.infolist()):
        raise DamagedFileError(
            "is a zip archive, but not one of distinct numpy arrays",
            where=path,
            remedy="write it with numpy.savez",
        )
    return members


def _damaged(path: Path, error: BaseException) -> DamagedFileError:
    return DamagedFileError(
        f"is not a whole .npz file ({error})",
        where=path,
        remedy="copy or download it again, and write it with numpy.savez",
    )


def _array(
    stream: IO[bytes], size: int, where: str, budget: Budget, path: Path | None = None
) -> Value:
    """One array in .npy format of `size` bytes in all, header included; `path` is that of a file
    that holds nothing else.
    """
    prefix = stream.read(8)
    version = prefix[6] if prefix[:6] == NPY_MAGIC and len(prefix) == 8 else 0
    length_bytes = {1: 2, 2: 4}.get(version)
    if length_bytes is None:
        raise DamagedFileError("is not an array in .npy format (version 1 or 2)", where=where)
    length = int.from_bytes(stream.read(length_bytes), "little")
    match = None
    if length <= MAX_HEADER:
        match = _HEADER.fullmatch(stream.read(length).decode("latin-1"))
    if match is None:
        raise DamagedFileError(
            "holds no plain array: its header is damaged, or it is a record array",
            where=where,
            remedy="save plain numeric arrays",
        )
    dtype = _dtype(match["descr"], where)
    shape = tuple(int(part.rstrip("L")) for part in re.findall(r"\d+L?", match["shape"]))
    count = elements(shape)
    real = size - len(prefix) - length_bytes - length
    if count * dtype.itemsize > real:
        raise DamagedFileError(
            f"declares {count * dtype.itemsize:,} bytes but holds {max(real, 0):,}",
            where=where,
            remedy="the file is cut or mangled: copy or download it again",
        )
    if len(shape) > 32:
        raise DamagedFileError(f"has {len(shape)} axes", where=where)
    order: Literal["F", "C"] = "F" if match["fortran"] == "True" else "C"
    if path and real >= MAPPED_BYTES and dtype.kind in "biuf" and dtype.isnative:
        mapped: Array = np.memmap(path, dtype, "r", size - real, shape, order)
        return mapped
    budget.spend(2 * count * dtype.itemsize, where)
    data = stream.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise DamagedFileError("ends before its data do", where=where)
    array = np.frombuffer(data, dtype, count).reshape(shape, order=order)
    if dtype.kind in "US":
        budget.spend(count * OBJECT_BYTES, where)
        return _texts(array, where)
    native: Array = array.astype(dtype.newbyteorder("="), order="C", copy=True)
    return native


def _dtype(descr: str, where: str) -> np.dtype[np.generic]:
    if descr.lstrip("<>|=")[0] not in "biufcUS":
        holds = "Python objects (pickle)" if "O" in descr else f"values of type {descr}"
        raise DamagedFileError(
            f"holds {holds}, which are not read",
            where=where,
            remedy="save numbers, or strings as an array of strings (dtype str)",
        )
    try:
        dtype = np.dtype(descr)
    except (TypeError, ValueError):
        raise DamagedFileError(f"has the unknown type {descr}", where=where) from None
    if dtype.itemsize == 0:  # any number of such elements fits into no bytes at all
        raise DamagedFileError(f"has elements of no size ({descr})", where=where)
    return dtype


def _texts(array: Array, where: str) -> list[Value]:
    """Strings in row-major order; a lone string is a list of one."""
    try:
        decoded = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
        texts = decoded.ravel().tolist()
        "".join(texts).encode()  # half a surrogate pair is no text and cannot be printed
    except ValueError:
        raise DamagedFileError("holds text that is not Unicode", where=where) from None
    return list(texts)
