"""Reading MATLAB v5 files (`save -v6` and `-v7`, and what scipy.io.savemat writes).

The format is that of "MAT-File Format" by The MathWorks, level 5: a header of 128 bytes, then
elements of tag (type, byte count) and data, each variable being an element of type matrix that may
be compressed as a whole. Numbers, text, cells, structs and sparse matrices are read. Objects and
function handles are not: a variable that is one is refused, a field that is one is left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hashbench.errors import DamagedFileError
from hashbench.files.mat5_matrices import COMPRESSED, KINDS, MATRIX, Head, Reader, readable
from hashbench.files.matlab_values import Value
from hashbench.files.memory_budget import Budget

HEADER_BYTES = 128
PEEK_BYTES = 4096  # enough of a compressed variable for its flags, dimensions and name


def contents(path: Path) -> dict[str, str]:
    """Name -> kind (`array`, `cell`, `struct`, `text` or `object`) of the variables."""
    return {head.name: KINDS.get(head.kind, "array") if readable(head) else "object"
            for head, _ in _variables(path, Budget(path))}  # fmt: skip


def read(path: Path, budget: Budget, only: Collection[str] | None = None) -> dict[str, Value]:
    """The variables of a file: those in `only`, or else all that are not objects.

    Raises DamagedFileError, also for an object that is asked for.
    """
    values: dict[str, Value] = {}
    for head, packed in _variables(path, budget):
        if head.name not in only if only is not None else not readable(head):
            continue
        if not readable(head):
            raise DamagedFileError(
                "is a MATLAB object or function handle, which is not read",
                where=f"{path}: {head.name}",
                remedy="save it as a matrix, a character matrix or a cell array",
            )
        reader = packed.unpacked() if packed.compressed else packed.reader
        value = reader.matrix(*packed.bounds(reader), depth=0)
        if value is not None:
            values[head.name] = value
    return values


@dataclass(frozen=True)
class _Packed:
    """Where a variable lies in the file: content `begin` to `end` of `reader`."""

    reader: Reader
    begin: int
    end: int
    compressed: bool

    def unpacked(self) -> Reader:
        """A reader of the unpacked variable, tag included. Spends its declared size."""
        reader = self.reader
        stream = zlib.decompressobj()
        declared = 8 + self.declared()
        reader.budget.spend(declared, "a compressed variable")
        try:
            data = stream.decompress(reader.data[self.begin : self.end], declared)
            stream.decompress(stream.unconsumed_tail, 64)  # reaches the checksum
        except zlib.error as error:
            reader.fail(f"has compressed data that are damaged ({error})")
        if len(data) != declared or not stream.eof:
            reader.fail("has compressed data of another length than declared")
        return Reader(memoryview(data), reader.order, reader.path, reader.budget)

    def declared(self) -> int:
        """The size of a compressed variable as its own tag states it."""
        peek = self.peek(8)
        if len(peek.data) < 8:
            self.reader.fail("has compressed data that are cut")
        kind, count = struct.unpack_from(self.reader.order + "II", peek.data)
        if kind != MATRIX:
            self.reader.fail("has compressed data that are no matrix")
        return int(count)

    def peek(self, count: int) -> Reader:
        """A reader of the first `count` bytes of a compressed variable, or fewer."""
        reader = self.reader
        try:
            data = zlib.decompressobj().decompress(reader.data[self.begin : self.end], count)
        except zlib.error as error:
            reader.fail(f"has compressed data that are damaged ({error})")
        return Reader(memoryview(data), reader.order, reader.path, reader.budget)

    def head(self) -> Head:
        if not self.compressed:
            return self.reader.head(self.begin, self.end)
        self.declared()
        peek = self.peek(PEEK_BYTES)
        return peek.head(8, len(peek.data))

    def bounds(self, reader: Reader) -> tuple[int, int]:
        """Begin and end of the matrix content in `reader`."""
        return (8, len(reader.data)) if self.compressed else (self.begin, self.end)


def _variables(path: Path, budget: Budget) -> Iterator[tuple[Head, _Packed]]:
    """The named variables of a file, without their data."""
    data = np.memmap(path, np.uint8, "r").data
    reader = Reader(data, "<" if bytes(data[126:128]) == b"IM" else ">", path, budget)
    at, end = HEADER_BYTES, len(data)
    seen: set[str] = set()
    while at < end:
        kind, begin, stop, at = reader.element(at, end)
        if kind not in (MATRIX, COMPRESSED):
            reader.fail(f"has an element of type {kind} where a variable belongs")
        packed = _Packed(reader, begin, stop, kind == COMPRESSED)
        head = packed.head()
        if head.name in seen:
            reader.fail(f"holds two variables named {head.name!r}")
        if head.name:  # MATLAB keeps what its objects need in a variable without a name
            seen.add(head.name)
            yield head, packed
