"""Reading the text files in which datasets list their items, tags and labels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.bounded_read import read_bounded

MAX_BYTES = 1 << 30
"""The largest official text file, NUS-WIDE's AllTags1k.txt, has 0.54 GB."""

_NUMBERS = re.compile(rb"[\s0-9]*")


def read_bytes(path: Path, remedy: str) -> bytes:
    """The bytes of a text file. Raises InputError when missing, DamagedFileError when no text."""
    try:
        content = read_bounded(path, MAX_BYTES, "a list of items", remedy=remedy)
    except FileNotFoundError:
        raise InputError("is missing", where=path, remedy=remedy) from None
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    if b"\0" in content:
        raise DamagedFileError("is not a text file", where=path, remedy=remedy)
    return content


def read_lines(path: Path, remedy: str, *, encoding: str = "utf-8") -> list[str]:
    """The stripped lines of a text file; bytes that are not of the encoding become `�`.

    Only line feeds (with or without carriage returns) end a line, and an end at the end of the
    file adds none. Raises InputError when missing, DamagedFileError when it is no text file.
    """
    text = read_bytes(path, remedy).decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = text.split("\n")
    if not lines[-1].strip():
        lines.pop()
    return [line.strip() for line in lines]


def read_numbers(path: Path, remedy: str, *, high: int) -> npt.NDArray[np.int64]:
    """All whole numbers from 0 to `high` of a text file, separated by white space.

    Raises DamagedFileError naming the first line that is something else.
    """
    content = read_bytes(path, remedy)
    if not _NUMBERS.fullmatch(content):
        position = _NUMBERS.match(content).end()  # type: ignore[union-attr]
        line = content.count(b"\n", 0, position) + 1
        text = content.split(b"\n")[line - 1].strip()[:60].decode(errors="replace")
        raise DamagedFileError(
            f"line {line} is {text!r}, not a whole number", where=path, remedy=remedy
        )
    letters = np.frombuffer(content, dtype=np.uint8)
    digit = letters >= ord("0")
    if (digit[1:] & digit[:-1]).any():
        words = content.split()
        if max(map(len, words)) > 18:
            raise DamagedFileError(
                "holds a number of more than 18 digits", where=path, remedy=remedy
            )
        numbers = np.array(words, dtype="S18").astype(np.int64)
    else:  # a matrix of zeros and ones, much faster
        numbers = letters[digit].astype(np.int64) - ord("0")
    if len(numbers) and numbers.max() > high:
        raise DamagedFileError(
            f"holds {numbers.max()}, more than {high}", where=path, remedy=remedy
        )
    return numbers
