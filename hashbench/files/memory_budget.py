"""How much memory a file may ask for, so that a small file cannot take the machine down."""

from __future__ import annotations

import math
import resource
from collections.abc import Sequence
from pathlib import Path

from hashbench.errors import DamagedFileError, HashbenchError

FREE_BYTES = 2 << 30
EXPANSION = 256  # above what label matrices stored as float64 compress to; DEFLATE reaches 1,032
OBJECT_BYTES = 256  # of a list entry with a short string or a small array, and for its time


class Budget:
    """Bytes that reading one file may allocate, spent as the file declares its parts.

    Two gigabytes, or 256 times the size of the file where that is more: compressed label matrices
    stay far below it, and a file that unpacks to more is refused before anything is unpacked.
    """

    def __init__(self, path: Path, total: int | None = None) -> None:
        size = path.stat().st_size
        self.path = path
        self.total = max(FREE_BYTES, EXPANSION * size) if total is None else total
        self.left = self.total

    def spend(self, count: int, what: str) -> None:
        """Take `count` bytes for `what`. Raises DamagedFileError if fewer are left."""
        if count > self.left:
            raise DamagedFileError(
                f"{what} would take {count:,} bytes of memory, more than a file of "
                f"{self.path.stat().st_size:,} bytes may ask for ({self.total:,} in all)",
                where=self.path,
                remedy="if the file is honest, save only the needed variables, in smaller types",
            )
        self.left -= count

    def spend_objects(self, count: int, what: str) -> None:
        """Take the bytes of `count` Python objects."""
        self.spend(count * OBJECT_BYTES, what)


def elements(shape: Sequence[int]) -> int:
    """How many elements an array of this shape has, as an exact integer."""
    return math.prod(int(size) for size in shape)


def require_address_space(needed: int, what: str) -> None:
    """Raises HashbenchError where a limit (ulimit -v) leaves this process less than `needed` bytes:
    compiled libraries answer such a limit by ending the process.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most not in (resource.RLIM_INFINITY, -1) and most < needed:
        raise HashbenchError(
            f"memory is limited to {most >> 20:,} MB, and {what} needs {needed >> 20:,} MB",
            remedy=f"raise the limit: ulimit -v {needed >> 10}",
        )
