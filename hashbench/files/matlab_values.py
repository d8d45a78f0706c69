"""What the variables of a file become, whatever the file's format."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
# Numbers and booleans: an array. Text: a string, or a list of strings for several
# rows. A cell array: a list (a list of rows where it has several rows and columns). A struct: a
# dictionary, or a list of them.
Value: TypeAlias = "Array | str | list[Value] | dict[str, Value]"


BLANKS = " \0"


def grid(entries: list[Value], shape: tuple[int, ...]) -> list[Value]:
    """Entries in column-major order, as MATLAB keeps them: flat where one axis holds them all.

    A cell array of several rows and columns becomes a list of rows.
    """
    if len(shape) != 2 or min(shape) <= 1:
        return entries
    rows = shape[0]
    return [entries[row::rows] for row in range(rows)]


def text_rows(codes: Array) -> list[str]:
    """(rows, length) character codes (UTF-16 units) as a string for each row.

    MATLAB fills the shorter rows of a character matrix with blanks: trailing ones are dropped.
    """
    rows = np.ascontiguousarray(codes, dtype="<u2")
    return [row.tobytes().decode("utf-16-le", errors="replace").rstrip(BLANKS) for row in rows]
