"""A part of a computation as a file that proves to be whole and says what it was computed from.

    hashbench part 1\\n    what the file is, and its version
    {...}\\n               one line of JSON: `of`, `part`, `parts`, `arrays`, `notes`
    bytes                 the arrays one behind the other, C order, little-endian
    32 bytes              SHA-256 of everything before

A part is written atomically, so that it is there whole or not at all. `of` names the inputs: parts
join only with parts of the same ones.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.atomic import write_atomically
from hashbench.files.matlab_values import Array

VERSION = 1
_NAME = b"hashbench part "
_MAX_HEADER = 1 << 24  # the broken pictures of a data set are listed in it
_BLOCK = 1 << 20
_DIGEST = 32
POLL_SECONDS = 0.2


class ArrayInPart(msgspec.Struct, frozen=True):
    """The type, such as `<i8`, and the shape of an array."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Raises TypeError or ValueError for what is no type, or none of numbers."""
        dtype = np.dtype(self.dtype)
        if dtype.kind not in "iuf" or min(self.shape, default=0) < 0:
            raise ValueError(f"no array of numbers: {self.dtype} {self.shape}")
        return math.prod(self.shape) * dtype.itemsize


class Header(msgspec.Struct, frozen=True):
    """Part `part` (from 1) of `parts`: the inputs it is `of`, its arrays, its maker's notes."""

    of: dict[str, Any]
    part: int
    parts: int
    arrays: dict[str, ArrayInPart]
    notes: dict[str, Any] = {}


@dataclass(frozen=True)
class PartFile:
    """A part that was read and found whole."""

    path: Path
    header: Header
    first_byte: int

    def array(self, name: str) -> Array:
        """An array, as a memory map. Raises DamagedFileError where the part has none such."""
        offset = self.first_byte
        for other, one in self.header.arrays.items():
            if other == name:
                if not one.bytes:
                    return np.zeros(one.shape, one.dtype)
                return np.memmap(self.path, np.dtype(one.dtype), "r", offset, one.shape)
            offset += one.bytes
        raise DamagedFileError(f"has no array {name}", where=self.path)


def write_part(path: Path, header: Header, pieces: Iterable[Array]) -> None:
    """Writes a part; `pieces` are its arrays in the order of the header, in pieces of any size.

    Raises ValueError where they have other bytes than the header declares.
    """
    total = sum(one.bytes for one in header.arrays.values())

    def write(stream: IO[bytes]) -> None:
        digest = hashlib.sha256()

        def put(content: bytes | memoryview) -> None:
            digest.update(content)
            stream.write(content)

        put(_first_line() + msgspec.json.encode(header) + b"\n")
        written = 0
        for piece in pieces:
            little = np.ascontiguousarray(piece, piece.dtype.newbyteorder("<"))
            put(little.data.cast("B") if little.size else b"")
            written += little.nbytes
        if written != total:
            raise ValueError(f"{written} bytes were given of {total} declared")
        stream.write(digest.digest())

    write_atomically(path, write)


def read_part(path: Path, of: Mapping[str, Any], part: int, parts: int) -> PartFile:
    """A part, read from its first to its last byte, none of which can differ from what was written.

    Raises DamagedFileError for one that is cut, altered or of another version, InputError for one
    that was computed from other inputs or is another part.
    """
    try:
        with path.open("rb") as stream:
            header, first_byte = _header(stream, path)
            _check_bytes(stream, path)
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    differing = [key for key in {**of, **header.of} if of.get(key) != header.of.get(key)]
    if differing:
        raise InputError(
            f"was computed from other inputs: {', '.join(differing)} "
            f"{'differ' if len(differing) > 1 else 'differs'}",
            where=path,
            remedy="remove it to compute it anew, or name another folder of parts",
        )
    if (header.part, header.parts) != (part, parts):
        raise InputError(
            f"holds part {header.part} of {header.parts}, not part {part} of {parts}",
            where=path,
            remedy="was it renamed? remove it to compute it anew",
        )
    return PartFile(path, header, first_byte)


def make_missing(makers: Iterable[Callable[[], bool]], waiting: Callable[[], None]) -> None:
    """Calls each maker of a part until it says that the part is there.

    A maker that leaves its part to another process is called again when all others are done, so
    that a part whose maker dies is made here. `waiting` is called when there is nothing else to do.
    """
    left = list(makers)
    while left:
        busy = [make for make in left if not make()]
        if len(busy) == len(left):
            waiting()
            time.sleep(POLL_SECONDS)
        left = busy


def _first_line() -> bytes:
    return _NAME + str(VERSION).encode() + b"\n"


def _header(stream: IO[bytes], path: Path) -> tuple[Header, int]:
    """The header, and where the arrays begin."""
    first = stream.readline(64)
    if first != _first_line():
        version = first.removeprefix(_NAME).strip()
        if first.startswith(_NAME) and first.endswith(b"\n") and version.isdigit():
            raise DamagedFileError(
                f"is of version {version.decode()}; this version of hashbench reads {VERSION}",
                where=path,
                remedy="remove it, and compute all parts with one version",
            )
        raise _damaged(path, "does not begin like a part")
    line = stream.readline(_MAX_HEADER)
    try:
        header = msgspec.json.decode(line, type=Header)
        total = sum(one.bytes for one in header.arrays.values())
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise _damaged(path, f"its header cannot be read ({error})") from None
    first_byte = len(first) + len(line)
    size, expected = path.stat().st_size, first_byte + total + _DIGEST
    if size != expected:
        raise _damaged(path, f"has {size:,} bytes where it declares {expected:,}")
    return header, first_byte


def _check_bytes(stream: IO[bytes], path: Path) -> None:
    """Raises DamagedFileError unless the digest at the end is that of all bytes before it."""
    digest, left = hashlib.sha256(), path.stat().st_size - _DIGEST
    stream.seek(0)
    while left and (block := stream.read(min(_BLOCK, left))):
        digest.update(block)
        left -= len(block)
    if left or stream.read() != digest.digest():
        raise _damaged(path, "its bytes are not those that were written")


def _damaged(path: Path, how: str) -> DamagedFileError:
    return DamagedFileError(
        f"is damaged: {how}", where=path, remedy="remove it; the part is then computed anew"
    )
