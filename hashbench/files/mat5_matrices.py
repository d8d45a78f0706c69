"""The matrices of MATLAB v5 files: from elements of tag and data to values.

An element is a tag (type, byte count) and data. Those of a matrix are its flags, dimensions and
name, and what its class asks for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from hashbench.errors import DamagedFileError
from hashbench.files.matlab_values import BLANKS, Array, Value, grid, text_rows
from hashbench.files.memory_budget import Budget, elements

MAX_DEPTH = 32
MATRIX, COMPRESSED = 14, 15
WHOLE = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 12: "i8", 13: "u8"}
NUMBERS = WHOLE | {7: "f4", 9: "f8"}
TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, CHAR, SPARSE, OPAQUE = 1, 2, 4, 5, 17
CLASSES = dict(enumerate(("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"), start=6))
KINDS = {CELL: "cell", STRUCT: "struct", CHAR: "text", SPARSE: "array"}
COMPLEX_FLAG, LOGICAL_FLAG = 0x0800, 0x0200


@dataclass(frozen=True)
class Head:
    """What stands at the beginning of a matrix; its data begin at `at`."""

    kind: int
    flags: int
    shape: tuple[int, ...]
    name: str
    at: int


@dataclass(frozen=True)
class Reader:
    """Bytes of a file, or of one unpacked variable, and the byte order of their numbers."""

    data: memoryview
    order: str
    path: Path
    budget: Budget

    def fail(self, problem: str) -> NoReturn:
        raise DamagedFileError(
            problem, where=self.path, remedy="the file is cut or mangled: copy or download it again"
        )

    def element(self, at: int, end: int) -> tuple[int, int, int, int]:
        """(type, begin, end, position of the next) of the element at `at`; `end` bounds it."""
        if at + 8 > end:
            self.fail("ends in the middle of a variable")
        kind, count = struct.unpack_from(self.order + "II", self.data, at)
        if kind >> 16:  # a small element keeps up to four bytes of data in its tag
            kind, count = kind & 0xFFFF, kind >> 16
            if count > 4:
                self.fail("has an element of impossible size")
            return kind, at + 4, at + 4 + count, at + 8
        stop = at + 8 + count
        if stop > end:
            self.fail(f"declares {count:,} bytes where {end - at - 8:,} are left")
        return kind, at + 8, stop, min(stop if kind == COMPRESSED else stop + -count % 8, end)

    def numbers(self, at: int, end: int) -> tuple[Array, int]:
        """The element at `at` as an array of its stored type, and the position of the next."""
        kind, begin, stop, behind = self.element(at, end)
        dtype = np.dtype(self.order + NUMBERS.get(kind, "V1"))
        if dtype.kind == "V" or (stop - begin) % dtype.itemsize:
            self.fail(f"has {stop - begin:,} bytes of type {kind} where numbers belong")
        return np.frombuffer(self.data[begin:stop], dtype), behind

    def whole(self, at: int, end: int) -> tuple[tuple[int, ...], int]:
        """The whole numbers of the element at `at`; as fast as it goes, since cells have many."""
        kind, begin, stop, behind = self.element(at, end)
        if kind in (5, 6) and not (stop - begin) % 4:
            form = f"{self.order}{(stop - begin) // 4}{'i' if kind == 5 else 'I'}"
            return struct.unpack_from(form, self.data, begin), behind
        if kind not in WHOLE:
            self.fail("has something else where whole numbers belong")
        return tuple(self.numbers(at, end)[0].tolist()), behind

    def head(self, at: int, end: int) -> Head:
        """Flags, dimensions and name of the matrix whose content begins at `at`."""
        flags, at = self.whole(at, end)
        word = flags[0] if flags else 0
        shape: tuple[int, ...] = (0, 0)
        if word & 0xFF != OPAQUE:  # which has no dimensions
            shape, at = self.whole(at, end)
            if not 2 <= len(shape) <= 32 or min(shape) < 0:
                self.fail("has a variable with impossible dimensions")
        _, begin, stop, at = self.element(at, end)
        name = bytes(self.data[begin:stop]).decode("utf-8", errors="replace")
        return Head(word & 0xFF, word, shape, name, at)

    def matrix(self, at: int, end: int, depth: int) -> Value | None:
        """The value of the matrix whose content is `at` to `end`; None for an object."""
        if at == end:  # how MATLAB writes an empty cell
            return np.empty((0, 0))
        if depth > MAX_DEPTH:
            self.fail(f"nests cells or structs more than {MAX_DEPTH} deep")
        head = self.head(at, end)
        if not readable(head):
            return None
        if head.kind in (CELL, STRUCT):
            nested = self.cells if head.kind == CELL else self.structs
            return nested(head, end, depth)
        flat = {CHAR: self.text, SPARSE: self.sparse}.get(head.kind, self.array)
        return flat(head, end)

    def array(self, head: Head, end: int) -> Array:
        """A full numeric matrix, in C order."""
        dtype = np.dtype(bool if head.flags & LOGICAL_FLAG else CLASSES[head.kind])
        real, behind = self.numbers(head.at, end)
        if len(real) != elements(head.shape):
            self.fail(f"declares a shape of {head.shape} for {len(real):,} numbers")
        self.budget.spend(len(real) * dtype.itemsize, head.name or "a matrix")
        full = _cast(real.reshape(head.shape, order="F"), dtype)
        if head.flags & COMPLEX_FLAG:
            imaginary, _ = self.numbers(behind, end)
            if len(imaginary) != len(real):
                self.fail("has a complex matrix with parts of different sizes")
            self.budget.spend(len(real) * 16, head.name or "a matrix")
            full = full + 1j * _cast(imaginary.reshape(head.shape, order="F"), np.dtype("f8"))
        return full

    def text(self, head: Head, end: int) -> Value:
        kind, begin, stop, _ = self.element(head.at, end)
        rows, columns = head.shape[0], elements(head.shape[1:])
        if not columns:
            return ""  # of however many rows: they take no bytes, but time
        if kind in TEXTS:
            order = "" if kind == 16 else "-le" if self.order == "<" else "-be"
            text = bytes(self.data[begin:stop]).decode(TEXTS[kind] + order, errors="replace")
            if rows <= 1:
                return text.rstrip(BLANKS)
            units = np.frombuffer(text.encode("utf-16-le", errors="replace"), "<u2")
        else:
            units = self.numbers(head.at, end)[0].astype("<u2")
            if rows <= 1:
                return text_rows(units.reshape(1, -1))[0]
        if rows * columns != len(units):
            self.fail(f"declares text of {rows} rows by {columns} for {len(units):,} characters")
        self.budget.spend_objects(rows, head.name or "text")
        return list(text_rows(units.reshape((rows, columns), order="F")))

    def cells(self, head: Head, end: int, depth: int) -> Value:
        count, at = elements(head.shape), head.at
        if count * 8 > end - at:
            self.fail(f"declares {count:,} cells where {end - at:,} bytes are left")
        self.budget.spend_objects(count, head.name or "a cell array")
        entries: list[Value] = []
        for _ in range(count):
            kind, begin, stop, at = self.element(at, end)
            value = self.matrix(begin, stop, depth + 1) if kind == MATRIX else None
            if value is None:
                self.fail("has a cell that holds an object, or nothing that can be read")
            entries.append(value)
        return grid(entries, head.shape)

    def structs(self, head: Head, end: int, depth: int) -> Value:
        length, at = self.whole(head.at, end)
        _, begin, stop, at = self.element(at, end)
        width = length[0] if length else 0
        if not 0 < width <= 4096:
            self.fail("has a struct with impossible field names")
        packed = bytes(self.data[begin:stop])
        fields = [
            packed[start : start + width].split(b"\0")[0].decode("utf-8", errors="replace")
            for start in range(0, len(packed), width)
        ]
        count = elements(head.shape)
        if count * len(fields) * 8 > end - at or (count > 1 and not fields):
            self.fail(f"declares {count:,} structs of {len(fields)} fields for {end - at:,} bytes")
        self.budget.spend_objects(count * (1 + len(fields)), head.name or "a struct")
        entries: list[Value] = []
        for _ in range(count):
            entry: dict[str, Value] = {}
            for name in fields:
                kind, begin, stop, at = self.element(at, end)
                if kind != MATRIX:
                    self.fail(f"has a field {name!r} that is no matrix")
                value = self.matrix(begin, stop, depth + 1)
                if value is not None:
                    entry[name] = value
            entries.append(entry)
        return entries[0] if count == 1 else grid(entries, head.shape)

    def sparse(self, head: Head, end: int) -> Array:
        """A sparse matrix, made full."""
        rows, columns = head.shape[0], elements(head.shape[1:])
        row, at = self.numbers(head.at, end)
        starts, at = self.numbers(at, end)
        numbers, _ = self.numbers(at, end)
        dtype = np.dtype(bool if head.flags & LOGICAL_FLAG else "f8")
        if row.dtype.kind not in "iu" or starts.dtype.kind not in "iu" or head.flags & COMPLEX_FLAG:
            self.fail("has a sparse matrix that is complex or damaged")
        counts = starts[1:].astype(np.int64) - starts[:-1].astype(np.int64)
        filled = int(starts[-1]) if len(starts) == columns + 1 else -1
        row = row[: max(filled, 0)].astype(np.int64)
        if (
            filled != len(row)
            or filled > len(numbers)
            or int(starts[0]) != 0
            or bool(np.any(counts < 0))
            or bool(np.any((row < 0) | (row >= rows)))
        ):
            self.fail("has a sparse matrix with impossible indices")
        self.budget.spend(rows * columns * dtype.itemsize, head.name or "a sparse matrix made full")
        full = np.zeros((rows, columns), dtype)
        full[row, np.repeat(np.arange(columns), counts)] = _cast(numbers[:filled], dtype)
        return full


def readable(head: Head) -> bool:
    return head.kind in KINDS or head.kind in CLASSES


def _cast(array: Array, dtype: np.dtype[np.generic]) -> Array:
    """A copy as `dtype` in C order; NaN where whole numbers are declared is no reason to warn."""
    with np.errstate(invalid="ignore", over="ignore"):
        return array.astype(dtype, order="C")
