"""The tags of NUS-WIDE: all of them, or the matrix of the 1,000 most frequent ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from hashbench.datasets.base import BoolArray
from hashbench.datasets.text_files import MAX_BYTES, read_lines
from hashbench.errors import DamagedFileError, InputError

_BLOCK = 1 << 24


def photo_tags(path: Path, names: Sequence[str], remedy: str) -> list[str]:
    """The tags of each image, joined by blanks.

    A line is a photograph's number and its tags; the number must be the one at the end of the
    image's name. Raises DamagedFileError otherwise.
    """
    lines = read_lines(path, remedy)
    if len(lines) != len(names):
        raise DamagedFileError(
            f"has {len(lines):,} rows where Imagelist.txt has {len(names):,}",
            where=path,
            remedy=remedy,
        )
    captions = []
    for row, (line, name) in enumerate(zip(lines, names, strict=True)):
        number, *tags = line.split() or [""]
        expected = name.rpartition(".")[0].rpartition("_")[2]
        if number != expected:
            raise DamagedFileError(
                f"line {row + 1} is for photograph {number[:40]!r}, Imagelist.txt has {expected}",
                where=path,
                remedy="both files must list the same images in the same order",
            )
        captions.append(" ".join(tags))
    return captions


def tags_of_1k(folder: Path, wanted: BoolArray, remedy: str) -> list[str]:
    """The frequent tags of each of N images, joined by blanks; empty where `wanted` (N) is not.

    AllTags1k.txt is an (N, T) matrix of zeros and ones, TagList1k.txt names its T columns.
    """
    vocabulary = np.array(read_lines(folder / "TagList1k.txt", remedy), dtype=object)
    if not len(vocabulary):
        raise DamagedFileError("is empty", where=folder / "TagList1k.txt", remedy=remedy)
    path = folder / "AllTags1k.txt"
    captions = [""] * len(wanted)
    row = 0
    for block in _rows(path, len(vocabulary), remedy):
        if row + len(block) > len(wanted):
            row += len(block)
            break
        for offset in np.flatnonzero(wanted[row : row + len(block)]).tolist():
            captions[row + offset] = " ".join(vocabulary[block[offset]])
        row += len(block)
    if row != len(wanted):
        raise DamagedFileError(
            f"has {'more' if row > len(wanted) else f'{row:,}'} rows where Imagelist.txt has"
            f" {len(wanted):,}",
            where=path,
            remedy=remedy,
        )
    return captions


def _rows(path: Path, width: int, remedy: str) -> Iterator[BoolArray]:
    """Blocks (n, width) of a matrix of digits 0 and 1, whatever blanks separate them."""
    left = np.zeros(0, dtype=np.uint8)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DamagedFileError("is too large for a matrix of tags", where=path, remedy=remedy)
        with path.open("rb") as file:
            while content := file.read(_BLOCK):
                letters = np.frombuffer(content, dtype=np.uint8)
                digits = letters[letters > ord(" ")] - ord("0")
                if len(digits) and digits.max() > 1:
                    raise DamagedFileError(
                        "holds something else than 0 and 1", where=path, remedy=remedy
                    )
                left = np.concatenate([left, digits])
                whole = len(left) // width * width
                yield left[:whole].reshape(-1, width) == 1
                left = left[whole:]
    except FileNotFoundError:
        raise InputError("is missing", where=path, remedy=remedy) from None
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    if len(left):
        raise DamagedFileError(f"ends within a row of {width:,} columns", where=path, remedy=remedy)
