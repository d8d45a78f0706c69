"""An entry of the feature cache while it is being made: its arrays and how far each of them is.

After each piece the record is brought up to date, so that a killed extraction goes on with the
piece that it was at. Pieces have the same bounds then, and the arrays come out the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from hashbench.backbones.cache_entries import DESCRIPTION, PROGRESS
from hashbench.errors import InputError
from hashbench.files.atomic import sync_folder, write_bytes_atomically
from hashbench.files.growing_arrays import create_array, map_array
from hashbench.files.matlab_values import Array

Pieces = Callable[[int], Iterator[tuple[int, Any, Array]]]
"""From how much is done to (done after this piece, index of its rows, rows), piece by piece."""


class Broken(msgspec.Struct, frozen=True):
    """A picture that cannot be read: its item's position and id, its file, what is wrong."""

    item: int
    id: str
    file: str
    problem: str


class _Record(msgspec.Struct):
    identity: dict[str, Any]
    done: dict[str, int] = {}
    broken: list[Broken] = []


class Building:
    """The folder in which an entry is made. A record of something else is thrown away with it."""

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        self.folder = folder
        self._record = _read(folder / PROGRESS)
        if self._record.identity != identity:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._record = _Record(dict(identity))
        self.broken = {broken.item: broken for broken in self._record.broken}

    def fill(self, name: str, rows: int, pieces: Pieces, dtype: npt.DTypeLike) -> None:
        """Fills the array `name` of so many rows, from where it was left.

        Raises InputError for values that `dtype` cannot hold, DamagedFileError for an array that
        was left in another state than the record says.
        """
        path = self.folder / f"{name}.npy"
        done = self._record.done.get(name, 0)
        if done:  # opened for writing, a file that was cut would be filled up with zeros
            map_array(path, remedy="`hashbench cache rm` the unfinished entry")
        out = np.lib.format.open_memmap(path, mode="r+") if done else None
        for stop, index, values in pieces(done):
            if out is None:
                create_array(path, (rows, *values.shape[1:]), dtype)
                out = np.lib.format.open_memmap(path, mode="r+")
            with np.errstate(over="ignore"):
                stored = values.astype(out.dtype, copy=False)
            if out.dtype == np.float16 and not np.isfinite(stored).all():
                raise InputError(
                    f"{name}: values do not fit half precision",
                    where="--backbone",
                    remedy="--feature-precision fp32, or another backbone",
                )
            out[index] = stored
            out.flush()
            self._record.done[name] = stop
            self._record.broken = list(self.broken.values())
            write_bytes_atomically(self.folder / PROGRESS, msgspec.json.encode(self._record))

    def finish(self, entry: Path, identity: Mapping[str, object]) -> None:
        """Describes the entry and puts it in its place."""
        broken = sorted(self.broken.values(), key=lambda one: one.item)
        description = msgspec.json.encode({**identity, "broken": broken})
        write_bytes_atomically(self.folder / DESCRIPTION, msgspec.json.format(description) + b"\n")
        sync_folder(self.folder)
        self.folder.rename(entry)
        (entry / PROGRESS).unlink(missing_ok=True)


class _Description(msgspec.Struct):
    broken: tuple[Broken, ...] = ()


def broken_in(entry: Path) -> tuple[Broken, ...]:
    """The pictures that could not be read when an entry was made."""
    return msgspec.json.decode((entry / DESCRIPTION).read_bytes(), type=_Description).broken


def _read(path: Path) -> _Record:
    """The record of a folder; an empty one where there is none, or a torn one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Record)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return _Record({})
