"""Hash codes and label sets as packed 64-bit words, the form that everything else here reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

Words = NDArray[np.uint64]
Zero = Literal["refuse", "plus", "minus"]

MAX_BITS = 4096
MAX_CLASSES = 1024
_SORTED_AT_ONCE = 1 << 25  # codes: 256 MiB of each word
_ELEMENTS_AT_ONCE = 1 << 22  # rows are packed in blocks, so a big file never needs a big copy


@dataclass(frozen=True, eq=False)
class Packed:
    """`words` (N, ceil(width / 64)) uint64, bit j of a row at bit j % 64 of word j // 64.

    Bits beyond the width are zero. `words` may be a memory map; it is never copied whole.
    """

    words: Words

    def __len__(self) -> int:
        return int(self.words.shape[0])


@dataclass(frozen=True, eq=False)
class Codes(Packed):
    """Binary codes of N items: `words` (N, ceil(bits / 64)) uint64; bit 1 is +1, bit 0 is -1.

    Raises InputError where the words do not fit `bits` (1 to 4096).
    """

    bits: int

    def __post_init__(self) -> None:
        _check_words(self.words, self.bits, MAX_BITS, "bits")

    def __getitem__(self, rows: Any) -> Codes:
        """The chosen rows: a slice, a mask or a list of indices."""
        return Codes(_rows(self.words, rows), self.bits)

    @classmethod
    def from_signs(cls, signs: ArrayLike, *, zero: Zero = "refuse", where: object = None) -> Codes:
        """Codes from an (N, bits) array of -1/+1, of 0/1, or of booleans.

        An array that holds -1, 0 and +1 comes from sign(0); `zero` says what the zeros become.
        Raises InputError for any other value, for NaN, and for a shape that is not (N, bits).
        """
        array = _matrix(signs, "codes", "bits", where)
        low, zeros = _two_values(array, "codes", where)
        if low == -1 and zeros and zero == "refuse":
            raise InputError(
                f"codes contain {zeros} zeros next to -1 and +1, as sign(0) leaves them",
                where=where,
                remedy="say whether a zero counts as plus or as minus",
            )
        at_zero = low == -1 and zero == "plus"
        words = _pack(array, lambda block: block >= 0 if at_zero else block > 0)
        return cls(words, array.shape[1])

    @classmethod
    def from_packed_bytes(
        cls,
        packed: ArrayLike,
        bits: int | None = None,
        *,
        bitorder: Literal["little", "big"] = "little",
        where: object = None,
    ) -> Codes:
        """Codes from an (N, B) uint8 array; `little` has bit 0 of the code in the lowest bit.

        `bits` is 8 B unless given. Raises InputError where bits beyond `bits` are set, which
        means a wrong length or a wrong bit order.
        """
        array = _matrix(packed, "packed codes", "bytes", where)
        if array.dtype != np.uint8:
            raise InputError(f"packed codes are {array.dtype}, not uint8", where=where)
        bits = 8 * array.shape[1] if bits is None else bits
        if not 8 * (array.shape[1] - 1) < bits <= 8 * array.shape[1]:
            raise InputError(f"{bits} bits do not fill {array.shape[1]} bytes", where=where)
        if bitorder == "big":
            array = np.packbits(np.unpackbits(array, axis=1), axis=1, bitorder="little")
        words = _words(array)
        if _beyond(words, bits):
            raise InputError(
                f"packed codes have bits set beyond the {bits} they should have",
                where=where,
                remedy="check the number of bits and the bit order",
            )
        return cls(words, bits)

    def to_bools(self) -> NDArray[np.bool_]:
        """(N, bits) booleans, True for +1."""
        return _unpack(self.words, self.bits)


@dataclass(frozen=True, eq=False)
class LabelMasks(Packed):
    """Label sets of N items: `words` (N, ceil(classes / 64)) uint64, bit c set for class c.

    Raises InputError where the words do not fit `classes` (1 to 1024).
    """

    classes: int

    def __post_init__(self) -> None:
        _check_words(self.words, self.classes, MAX_CLASSES, "classes")

    def __getitem__(self, rows: Any) -> LabelMasks:
        """The chosen rows: a slice, a mask or a list of indices."""
        return LabelMasks(_rows(self.words, rows), self.classes)

    @classmethod
    def from_multi_hot(cls, labels: ArrayLike, *, where: object = None) -> LabelMasks:
        """Masks from an (N, C) array of 0/1 or booleans; InputError for anything else."""
        array = _matrix(labels, "labels", "classes", where)
        low, _ = _two_values(array, "labels", where)
        if low == -1:
            raise InputError(
                "labels contain -1; a label is 0 or 1",
                where=where,
                remedy="unknown labels cannot be scored: give the complete ones",
            )
        return cls(_pack(array, lambda block: block > 0), array.shape[1])

    @classmethod
    def from_packed_bytes(cls, packed: NDArray[np.uint8]) -> LabelMasks:
        """Masks from an (N, B) uint8 array, class c in bit c % 8 of byte c // 8; all bits of the
        bytes are classes. Raises InputError for another shape.
        """
        array = _matrix(packed, "packed labels", "bytes", None)
        return cls(_words(array), 8 * array.shape[1])

    @classmethod
    def from_class_index(
        cls, index: ArrayLike, classes: int, *, where: object = None
    ) -> LabelMasks:
        """Masks from (N,) class numbers 0 .. classes - 1, one label an item."""
        array = np.asarray(index)
        if array.ndim != 1 or array.size == 0:
            raise InputError(f"class numbers have shape {array.shape}, not (N,)", where=where)
        if array.dtype.kind == "f" and not bool(np.all(array == np.floor(array))):
            raise InputError("class numbers are not whole (or NaN)", where=where)
        if array.dtype.kind not in "iuf":
            raise InputError(f"class numbers are {array.dtype}, not integers", where=where)
        if bool(np.any((array < 0) | (array >= classes))):
            raise InputError(
                f"class numbers run from {array.min()} to {array.max()}, not 0 to {classes - 1}",
                where=where,
            )
        column = array.astype(np.int64)
        words = np.zeros((len(array), -(-classes // 64)), np.uint64)
        words[np.arange(len(array)), column // 64] = np.uint64(1) << (column % 64).astype(np.uint64)
        return cls(words, classes)

    def to_bools(self) -> NDArray[np.bool_]:
        """(N, classes) booleans."""
        return _unpack(self.words, self.classes)


@dataclass(frozen=True)
class CodeFacts:
    """What a set of codes looks like before anything is ranked.

    `distinct` codes among `items`; `balance` is the mean over bits of |mean of the -1/+1 bit|
    (0: every bit splits the items in half, 1: all constant); `constant` bits never change.
    `equal_pairs` is the share of pairs of different items that have one code (1: all collapsed).
    """

    items: int
    bits: int
    distinct: int
    balance: float
    constant: int
    equal_pairs: float


def code_facts(codes: Codes) -> CodeFacts:
    """Count distinct codes and measure how evenly the bits are used."""
    distinct, equal = _equal_codes(codes.words)
    ones = np.zeros(codes.bits, np.int64)
    for block in _blocks(len(codes), codes.bits):
        ones += _unpack(codes.words[block], codes.bits).sum(axis=0)
    mean = 2 * ones / len(codes) - 1
    return CodeFacts(
        items=len(codes),
        bits=codes.bits,
        distinct=distinct,
        balance=float(np.abs(mean).mean()),
        constant=int(np.count_nonzero(np.abs(mean) == 1)),
        equal_pairs=equal / max(1, len(codes) * (len(codes) - 1)),
    )


def _equal_codes(words: Words) -> tuple[int, int]:
    """The number of distinct codes, and of ordered pairs of different items that have one code.

    Codes are sorted in memory, those of some values of the first word at a time: what is held is
    bounded unless many items share that word, and then their copies are counted block by block.
    """
    distinct = equal = 0
    shares = -(-len(words) // _SORTED_AT_ONCE)
    for share in range(shares):
        blocks = []
        for rows in _blocks(len(words), 1):
            block = np.asarray(words[rows])
            if shares > 1:
                block = block[_mixed(block[:, 0]) % np.uint64(shares) == share]
            blocks.append(_counted(block))
        values, sizes = map(np.concatenate, zip(*blocks, strict=True))
        if len(blocks) > 1:
            sizes = _counted(values, sizes)[1]
        distinct += len(sizes)
        equal += int((sizes * (sizes - 1)).sum())
    return distinct, equal


def _counted(
    rows: Words, counts: NDArray[np.int64] | None = None
) -> tuple[Words, NDArray[np.int64]]:
    """The distinct rows, and how often each is there: once, or as often as `counts` says."""
    if not len(rows):
        return rows, np.zeros(0, np.int64)
    if rows.shape[1] == 1 and counts is None:
        values, sizes = np.unique(rows[:, 0], return_counts=True)
        return values[:, None], sizes
    order = np.lexsort(rows.T)
    rows = rows[order]
    starts = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)])
    times = np.ones(len(rows), np.int64) if counts is None else counts[order]
    return rows[starts], np.add.reduceat(times, starts)


def _mixed(words: Words) -> Words:
    """Words spread evenly, so that codes that differ in few bits do not fall into one share."""
    return (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(33)


def _blocks(items: int, width: int) -> Iterator[slice]:
    step = max(1, _ELEMENTS_AT_ONCE // width)
    for start in range(0, items, step):
        yield slice(start, start + step)


def _matrix(values: ArrayLike, what: str, columns: str, where: object) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{what} have shape {array.shape}, not (items, {columns})", where=where)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} are {array.dtype}, not numbers", where=where)
    return array


def _two_values(array: NDArray[Any], what: str, where: object) -> tuple[int, int]:
    """(-1, zeros) for an array of -1, +1 and perhaps 0; (0, zeros) for an array of 0 and 1."""
    if array.dtype == np.bool_:
        return 0, 0
    minus = zeros = 0
    for rows in _blocks(*array.shape):
        block = array[rows]
        below, at = block == -1, block == 0
        strange = ~(below | at | (block == 1))
        if strange.any():
            value = block[strange][0]
            raise InputError(
                f"{what} contain {value}; valid are -1 and +1, or 0 and 1",
                where=where,
                remedy="real values must be turned into bits first" if value == value else None,  # noqa: PLR0124
            )
        minus += int(np.count_nonzero(below))
        zeros += int(np.count_nonzero(at))
    return (-1 if minus else 0), zeros


def _pack(array: NDArray[Any], is_set: Any) -> Words:
    items, width = array.shape
    words = np.zeros((items, -(-width // 64)), dtype="<u8")
    as_bytes = words.view(np.uint8)
    for rows in _blocks(items, width):
        packed = np.packbits(is_set(array[rows]), axis=1, bitorder="little")
        as_bytes[rows, : packed.shape[1]] = packed
    return words.astype(np.uint64, copy=False)


def _unpack(words: Words, width: int) -> NDArray[np.bool_]:
    as_bytes = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return np.unpackbits(as_bytes, axis=1, count=width, bitorder="little").view(np.bool_)


def _rows(words: Words, rows: Any) -> Words:
    chosen: Words = words[rows]
    if chosen.ndim != 2:
        raise InputError("choose rows with a slice, a mask or a list of indices")
    return chosen


def _check_words(words: Words, width: int, most: int, unit: str) -> None:
    if not 1 <= width <= most:
        raise InputError(f"{width} {unit}; valid: 1 to {most}")
    if words.dtype != np.uint64 or words.shape[1:] != (-(-width // 64),):
        raise InputError(
            f"words of {words.dtype} {words.shape} do not hold {width} {unit}; "
            f"expected uint64 (N, {-(-width // 64)})"
        )
    if _beyond(words, width):
        raise InputError(f"words have bits set beyond the {width} {unit}")


def _beyond(words: Words, width: int) -> bool:
    """Whether bits beyond the width are set."""
    if not width % 64:
        return False
    shift = np.uint64(width % 64)
    return any(bool(np.any(words[rows, -1] >> shift)) for rows in _blocks(len(words), 1))


def _words(array: NDArray[Any]) -> Words:
    """(N, B) bytes as words: the very bytes where whole words lie one behind the other, so that a
    memory map stays one.
    """
    if array.shape[1] % 8 == 0 and array.flags.c_contiguous:
        return array.view("<u8").astype(np.uint64, copy=False)
    words = np.zeros((array.shape[0], -(-array.shape[1] // 8)), dtype="<u8")
    words.view(np.uint8)[:, : array.shape[1]] = array
    return words.astype(np.uint64, copy=False)
