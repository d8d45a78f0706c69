"""One way to read .mat (v5 and v7.3), .npz and .npy files, whoever wrote them.

Nothing in a file is executed, no link in it is followed, and no file takes more memory than its
size can justify (`hashbench.files.memory_budget`).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.files import mat5, mat73, npz
from hashbench.files.matlab_values import Value
from hashbench.files.memory_budget import Budget

Format: TypeAlias = Literal["mat5", "hdf5", "npz", "npy"]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES: dict[Format, tuple[str, ...]] = {
    "mat5": (".mat",),
    "hdf5": (".mat", ".h5", ".hdf5"),
    "npz": (".npz",),
    "npy": (".npy",),
}

_CONTENTS = {"mat5": mat5.contents, "hdf5": mat73.contents, "npz": npz.contents}
_READ = {"mat5": mat5.read, "hdf5": mat73.read, "npz": npz.read}


def contents(path: Path) -> dict[str, str]:
    """Name -> kind of the variables, without their data.

    Kinds are `array`, `cell`, `struct`, `text`, and `object` for what is never read. The array of
    an .npy file is named after the file. Raises DamagedFileError.
    """
    form = sniff(path)
    if form == "npy":
        return {path.stem: "array"}
    shapes = _CONTENTS[form](path)
    for name in shapes:
        if not name.isprintable():
            raise DamagedFileError(f"has a variable named {name!r}", where=path)
    return shapes


def read(
    path: Path, only: Collection[str] | None = None, *, max_bytes: int | None = None
) -> dict[str, Value]:
    """The variables of a file, or those named in `only`.

    Numbers become arrays (as MATLAB shows them: the transposition of v7.3 is undone), text a
    string or a list of them, cells lists, structs dictionaries (see
    `hashbench.files.matlab_values`).
    `max_bytes` replaces the memory that a file of this size may ask for.

    Raises DamagedFileError for a file that is cut, mangled, hostile or misnamed, UnknownNameError
    for a name in `only` that the file does not have.
    """
    form = sniff(path)
    budget = Budget(path, max_bytes)
    if form == "npy":
        values = {path.stem: npz.read_single(path, budget)}
    else:
        values = _READ[form](path, budget, only)
    for name in only or ():
        if name not in values:
            raise UnknownNameError("variable", name, contents(path), where=path)
    return values


def strings(value: Value, *, where: object = None) -> list[str] | list[list[str]]:
    """Text as one list: a string an item, or a list of strings an item where any item has several.

    Takes what captions and paths come as: a cell array of strings, a cell array of cell arrays, a
    character matrix, an array of strings. Trailing blanks are dropped. An empty matrix is a
    missing text: the empty string. Raises DamagedFileError for anything that is not text.
    """
    if isinstance(value, str):
        return [value.rstrip()]
    if not isinstance(value, list):
        raise DamagedFileError("holds no text", where=where)
    items = [_texts(entry, where) for entry in value]
    if all(isinstance(entry, str) or _is_empty(entry) for entry in value):
        return [texts[0] if texts else "" for texts in items]
    return items


def _texts(entry: Value, where: object) -> list[str]:
    if isinstance(entry, str):
        return [entry.rstrip()]
    if _is_empty(entry):
        return []
    if isinstance(entry, list) and all(isinstance(part, str) or _is_empty(part) for part in entry):
        return [part.rstrip() for part in entry if isinstance(part, str)]
    raise DamagedFileError(
        "holds something that is no text", where=where, remedy="save strings, or lists of strings"
    )


def _is_empty(value: Value) -> bool:
    return isinstance(value, np.ndarray) and value.size == 0


def sniff(path: Path) -> Format:
    """The format of a file by its first bytes.

    Raises InputError for a path that is no file, DamagedFileError for a file of no such format or
    one whose name claims another.
    """
    if not path.is_file():
        raise InputError(
            "does not exist" if not path.exists() else "is not a file",
            where=path,
            remedy="the path of a .mat or .npz file",
        )
    try:
        with path.open("rb") as stream:
            start = stream.read(520)
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    form = _format(start, path)
    suffix = path.suffix.lower()
    claimed = {known for names in SUFFIXES.values() for known in names}
    if suffix in claimed and suffix not in SUFFIXES[form]:
        raise DamagedFileError(
            f"is named {suffix} but is {_ARTICLE[form]}",
            where=path,
            remedy=f"rename it to {path.stem}{SUFFIXES[form][0]}",
        )
    return form


_ARTICLE = {
    "mat5": "a MATLAB v5 file",
    "hdf5": "an HDF5 file",
    "npz": "an .npz archive",
    "npy": "an .npy file",
}


def _format(start: bytes, path: Path) -> Format:
    if start.startswith(HDF5_MAGIC) or start[512:].startswith(HDF5_MAGIC):
        return "hdf5"
    if start[124:128] in (b"\x00\x01IM", b"\x01\x00MI"):
        return "mat5"
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz"
    if start.startswith(npz.NPY_MAGIC):
        return "npy"
    if not start:
        raise DamagedFileError("is empty", where=path)
    if start.startswith(b"MATLAB"):
        problem, remedy = "is a MATLAB file whose header is cut or mangled", "download it again"
    elif start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        problem = "is a pickle, which could run code and is never read"
        remedy = "save the arrays with numpy.savez"
    else:
        problem = "is neither a .mat (v5, v7.3) nor an .npz or .npy file"
        remedy = "MATLAB: save with -v7; Python: numpy.savez"
    raise DamagedFileError(problem, where=path, remedy=remedy)
