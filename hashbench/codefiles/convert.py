"""Arrays as programs write them -> packed codes and label masks; what is ambiguous is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hashbench.errors import InputError
from hashbench.files.matlab_values import Array
from hashbench.metrics.codes import Codes, LabelMasks

Zero = Literal["refuse", "plus", "minus"]
Packed = Literal["", "little", "big"]
Items = Literal["", "rows", "columns"]
LabelsAs = Literal["", "index", "multi-hot", "packed"]
Binarize = Literal["", "sign", "median"]

_ELEMENTS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class SideArrays:
    """One side's arrays as they are in the file, and where they come from."""

    codes: Array
    labels: Array
    codes_at: str
    labels_at: str


@dataclass(frozen=True)
class ArrayPair:
    """Query and database, oriented so that rows are items, labels (N,) or (N, C)."""

    query: SideArrays
    database: SideArrays


def oriented(
    query: SideArrays, database: SideArrays, *, items: Items, labels_as: LabelsAs
) -> ArrayPair:
    """Turns arrays so that items are rows: in the only way in which all shapes agree.

    Raises InputError where no way or several ways fit; `items` settles the latter.
    """
    for side in (query, database):
        _check(side.codes, side.codes_at)
        _check(side.labels, side.labels_at)
        if side.codes.ndim != 2:
            raise InputError(
                f"has shape {side.codes.shape}, not (items, bits)", where=side.codes_at
            )
    query, database = _with_class_numbers(query, database, labels_as)
    fitting = []
    for codes_transposed in (False, True):
        for labels_transposed in (False, True):
            pair = ArrayPair(
                *(_transposed(s, codes_transposed, labels_transposed) for s in (query, database))
            )
            vectors = query.labels.ndim == database.labels.ndim == 1
            if _agree(pair) and not (vectors and labels_transposed):
                fitting.append((codes_transposed, labels_transposed, pair))
    if len(fitting) > 1 and items:
        by_columns = items == "columns"
        fitting = [fit for fit in fitting if fit[0] is by_columns] or fitting
        fitting = [fit for fit in fitting if fit[1] is by_columns] or fitting
    if len(fitting) > 1:
        raise InputError(
            f"codes of shapes {query.codes.shape} and {database.codes.shape} with labels of shapes "
            f"{query.labels.shape} and {database.labels.shape} can be read in several ways",
            where=query.codes_at,
            remedy="say whether items are rows or columns: --items rows",
        )
    if not fitting:
        raise _mismatch(query, database, items)
    return fitting[0][2]


def to_codes(
    pair: ArrayPair, *, zero: Zero, packed: Packed, bits: int | None, binarize: Binarize = ""
) -> tuple[Codes, Codes, list[str]]:
    """Query and database codes, and what is to be reported about their values.

    Real values become bits only where `binarize` says how: by their sign, 0 counting as +1, or by
    whether they exceed the median of their bit over the database.
    """
    arrays = [(side.codes, side.codes_at) for side in (pair.query, pair.database)]
    if binarize:
        return _binarized(pair, binarize, packed, bits)
    if packed or any(_looks_packed(array) for array, _ in arrays):
        query, database = (_unpack(array, at, packed, bits) for array, at in arrays)
        return query, database, []
    counts = [_count_values(array, at) for array, at in arrays]
    minus = sum(count.minus for count in counts)
    zeros = sum(count.zero for count in counts)
    notes = []
    if minus and zeros:
        total = sum(array.size for array, _ in arrays)
        zeros_note = f"{zeros:,} of {total:,} values are 0 beside -1 and +1, as sign(0) leaves them"
        if zero == "refuse":
            raise InputError(
                zeros_note,
                where=arrays[0][1] if counts[0].zero else arrays[1][1],
                remedy="--zero plus counts them as +1, --zero minus as -1",
            )
        notes.append(f"{zeros_note}; counted as {'+1' if zero == 'plus' else '-1'}")
    at_zero = bool(minus) and zero == "plus"
    _check_width(pair, bits)
    query, database = (
        Codes.from_signs(array >= 0 if at_zero else array > 0, where=at) for array, at in arrays
    )
    return query, database, notes


def _binarized(
    pair: ArrayPair, binarize: Binarize, packed: Packed, bits: int | None
) -> tuple[Codes, Codes, list[str]]:
    if packed:
        raise InputError(
            "packed codes are bits already",
            where="--binarize",
            remedy="leave --binarize or --packed out",
        )
    _check_width(pair, bits)
    if binarize == "sign":
        note = "real values turned into bits by their sign, 0 counting as +1"
        bools = [side.codes >= 0 for side in (pair.query, pair.database)]
    else:
        # of the database alone: a query's code must not depend on which other queries there are
        note = "real values turned into bits by the median of each bit over the database"
        medians = np.median(pair.database.codes, axis=0)
        bools = [side.codes > medians for side in (pair.query, pair.database)]
    query, database = (Codes.from_signs(one) for one in bools)
    return query, database, [note]


def _check_width(pair: ArrayPair, bits: int | None) -> None:
    width = pair.query.codes.shape[1]
    if bits not in (None, width):
        raise InputError(
            f"has codes of {width} bits, not {bits}",
            where=pair.query.codes_at,
            remedy="leave --bits out, or say how the codes are packed: --packed little",
        )


def to_labels(pair: ArrayPair, labels_as: LabelsAs = "") -> tuple[LabelMasks, LabelMasks]:
    """Query and database label masks over the same classes, from multi-hot rows, class numbers, or
    words with a bit for each class.

    Class numbers may begin anywhere: only which items share one matters.
    """
    query, database = pair.query, pair.database
    if labels_as == "packed":
        return _packed_labels(query), _packed_labels(database)
    if query.labels.ndim == 2:
        return (
            LabelMasks.from_multi_hot(query.labels, where=query.labels_at),
            LabelMasks.from_multi_hot(database.labels, where=database.labels_at),
        )
    for side in (query, database):
        whole = side.labels if side.labels.dtype.kind in "iub" else np.floor(side.labels)
        if not np.array_equal(whole, side.labels) or bool(np.any(side.labels < 0)):
            raise InputError(
                "one column of labels must be class numbers: whole, and not negative",
                where=side.labels_at,
                remedy="give class numbers from 0 or 1, or a 0/1 matrix of items by classes",
            )
    values, index = np.unique(np.concatenate([query.labels, database.labels]), return_inverse=True)
    parts = np.split(index.ravel(), [len(query.labels)])
    return (
        LabelMasks.from_class_index(parts[0], len(values), where=query.labels_at),
        LabelMasks.from_class_index(parts[1], len(values), where=database.labels_at),
    )


def _packed_labels(side: SideArrays) -> LabelMasks:
    if side.labels.dtype.kind != "u":
        raise InputError(
            f"holds {side.labels.dtype} values; packed labels are bytes or unsigned words, a bit "
            "for each class",
            where=side.labels_at,
        )
    return LabelMasks.from_packed_bytes(_as_bytes(side.labels))


def _as_bytes(array: Array) -> Array:
    """(N, W) words as (N, bytes), the least significant byte first; without a copy where they are
    so already.
    """
    words = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return words.view(np.uint8).reshape(len(array), array.shape[1] * array.dtype.itemsize)


def _check(array: Array, at: str) -> None:
    if array.size == 0:
        raise InputError(f"is empty (shape {array.shape})", where=at)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biuf":
        raise InputError(
            f"is {array.dtype} of shape {array.shape}; numbers of one or two axes are expected",
            where=at,
        )
    if array.dtype.kind == "f":
        for rows in _blocks(array):
            if not bool(np.isfinite(array[rows]).all()):
                raise InputError(
                    "contains NaN or infinite values",
                    where=at,
                    remedy="find out where the program that wrote the file went wrong",
                )


def _with_class_numbers(
    query: SideArrays, database: SideArrays, labels_as: LabelsAs
) -> tuple[SideArrays, SideArrays]:
    """The pair, with labels as vectors where they are class numbers: one column on both pair."""
    columns = [1 in (*side.labels.shape[1:], side.labels.ndim, len(side.labels))
               for side in (query, database)]  # fmt: skip
    if labels_as == "index" and not all(columns):
        side = database if columns[0] else query
        raise InputError(
            f"has shape {side.labels.shape}; class numbers are one column", where=side.labels_at
        )
    if labels_as in ("multi-hot", "packed"):
        return tuple(
            _with_labels(side, np.atleast_2d(side.labels.T).T) for side in (query, database)
        )  # type: ignore[return-value]
    if not all(columns):
        return query, database
    if not labels_as:
        for side in (query, database):
            if side.labels.ndim == 2 and float(side.labels.max()) <= 1:
                raise InputError(
                    f"has one column of 0 and 1 (shape {side.labels.shape}): one class that an "
                    "item has or not, or the numbers of two classes?",
                    where=side.labels_at,
                    remedy="say which: --labels-as multi-hot or --labels-as index",
                )
    return _with_labels(query, query.labels.ravel()), _with_labels(
        database, database.labels.ravel()
    )


def _with_labels(side: SideArrays, labels: Array) -> SideArrays:
    return SideArrays(side.codes, labels, side.codes_at, side.labels_at)


def _transposed(side: SideArrays, codes: bool, labels: bool) -> SideArrays:
    return SideArrays(
        side.codes.T if codes else side.codes,
        side.labels.T if labels else side.labels,
        side.codes_at,
        side.labels_at,
    )


def _agree(pair: ArrayPair) -> bool:
    query, database = pair.query, pair.database
    return (
        query.codes.shape[1] == database.codes.shape[1]
        and query.labels.shape[1:] == database.labels.shape[1:]
        and len(query.labels) == len(query.codes)
        and len(database.labels) == len(database.codes)
    )


def _mismatch(query: SideArrays, database: SideArrays, items: Items) -> InputError:
    """Says which of the shapes does not fit, items being rows unless the options say columns."""
    axis = 1 if items == "columns" else 0
    widths = [side.codes.shape[1 - axis] for side in (query, database)]
    if widths[0] != widths[1] and query.codes.shape[axis] != database.codes.shape[axis]:
        return InputError(
            f"query codes of shape {query.codes.shape} and database codes of shape "
            f"{database.codes.shape} do not have the same number of bits",
            where=f"{query.codes_at} and {database.codes_at}",
            remedy="give codes of one length",
        )
    for side in (query, database):
        if not set(side.codes.shape) & set(side.labels.shape):
            return InputError(
                f"labels of shape {side.labels.shape} do not match codes of shape "
                f"{side.codes.shape}",
                where=f"{side.labels_at} and {side.codes_at}",
                remedy="give one row of labels for each item",
            )
    return InputError(
        f"labels of shapes {query.labels.shape} and {database.labels.shape} do not match codes of "
        f"shapes {query.codes.shape} and {database.codes.shape}",
        where=f"{query.labels_at} and {database.labels_at}",
        remedy="give one row of labels for each item, over the same classes on both pair",
    )


@dataclass(frozen=True)
class _ValueCounts:
    minus: int
    zero: int


def _count_values(array: Array, at: str) -> _ValueCounts:
    """Counts -1 and 0. Raises InputError for any value that is not -1, 0 or +1."""
    if array.dtype == np.bool_:
        return _ValueCounts(0, int(array.size - np.count_nonzero(array)))
    minus = zeros = 0
    for rows in _blocks(array):
        block = array[rows]
        below, zero = block == -1, block == 0
        strange = ~(below | zero | (block == 1))
        if bool(strange.any()):
            whole = bool(np.all(array == np.floor(array)))
            raise InputError(
                f"contains {block[strange][0]!s}; a code is -1 and +1, or 0 and 1",
                where=at,
                remedy="if these are packed bytes, say so: --packed little"
                if whole and float(array.min()) >= 0 and float(array.max()) < 256
                else "real values become bits by --binarize sign or --binarize median",
            )
        minus += int(np.count_nonzero(below))
        zeros += int(np.count_nonzero(zero))
    return _ValueCounts(minus, zeros)


def _looks_packed(array: Array) -> bool:
    return array.dtype.kind == "u" and int(array.max()) > 1


def _unpack(array: Array, at: str, packed: Packed, bits: int | None) -> Codes:
    """Codes from bytes or wider unsigned words, least significant byte first."""
    if array.dtype.kind != "u":  # bytes in a wider type, as MATLAB's double
        if float(array.min()) < 0 or float(array.max()) > 255 or bool(np.any(array % 1)):
            raise InputError(f"holds {array.dtype} values, which are not bytes", where=at)
        array = array.astype(np.uint8)
    size = array.dtype.itemsize
    as_bytes = _as_bytes(array)
    if bits is not None and not 8 * (as_bytes.shape[1] - size) < bits <= 8 * as_bytes.shape[1]:
        raise InputError(
            f"{as_bytes.shape[1]} bytes a code do not hold {bits} bits each",
            where=at,
            remedy="check --bits, and --items if the matrix may be transposed",
        )
    if bits is not None and -(-bits // 8) < as_bytes.shape[1]:
        if bool(as_bytes[:, -(-bits // 8) :].any()):
            raise InputError(
                f"has bits set beyond the {bits} asked for",
                where=at,
                remedy="check --bits, and the order of bits: --packed little or --packed big",
            )
        as_bytes = as_bytes[:, : -(-bits // 8)]
    return Codes.from_packed_bytes(as_bytes, bits, bitorder=packed or "little", where=at)


def _blocks(array: Array) -> Iterator[slice]:
    step = max(1, _ELEMENTS_AT_ONCE // max(1, array[:1].size))
    for start in range(0, len(array), step):
        yield slice(start, start + step)
