"""Arrays in files that are filled piece by piece."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from hashbench.errors import DamagedFileError
from hashbench.files.matlab_values import Array


def create_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """A new .npy file as a memory map to write to, its disk space reserved beforehand.

    Without its space a full disk would end the process at some write to the map, without a word.
    Raises OSError, naming the file, if the disk is full.
    """
    out: Array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate") and out.size:
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    error.filename = str(path)
                    raise
    return out


def save_array(path: Path, values: Array) -> None:
    """Writes a whole array as `create_array` does."""
    create_array(path, values.shape, values.dtype)[...] = values


def map_array(path: Path, *, remedy: str) -> Array:
    """A .npy file of numbers as a memory map to read. Raises DamagedFileError with the remedy."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, OverflowError) as error:
        raise DamagedFileError(f"cannot be read: {error}", where=path, remedy=remedy) from None
    return array
