"""An entry of the feature cache while it is being written: its arrays and how far each of them is.

After each piece the progress file is brought up to date, so that a killed extraction resumes with
the piece that it was at, and its arrays come out the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from hashbench.backbones.cache_entries import DESCRIPTION, PROGRESS
from hashbench.errors import InputError
from hashbench.files import fence
from hashbench.files.atomic import sync_folder, write_bytes_atomically
from hashbench.files.growing_arrays import create_array, map_array, save_array
from hashbench.files.matlab_values import Array


class BrokenPicture(msgspec.Struct, frozen=True):
    """A picture that cannot be read: its item's position and id, its file, what is wrong."""

    item: int
    id: str
    file: str
    problem: str


class _Progress(msgspec.Struct):
    identity: dict[str, Any]
    done: dict[str, int] = {}
    broken: list[BrokenPicture] = []


class EntryWriter:
    """The folder in which an entry is written. What an extraction of something else left there is
    thrown away.
    """

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        self.folder = folder
        self._progress = _read(folder / PROGRESS)
        if self._progress.identity != identity:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self._progress = _Progress(dict(identity))
        self.broken = {broken.item: broken for broken in self._progress.broken}

    def save(self, name: str, values: Array) -> None:
        """Writes a whole array at once."""
        fence.check(self.folder / name)
        save_array(self.folder / f"{name}.npy", values)

    def array(self, name: str, rows: int, dtype: npt.DTypeLike) -> ArrayWriter:
        """The writer of an array of so many rows, from where an earlier one left it.

        Raises DamagedFileError for an array that was left in another state than was noted.
        """
        path = self.folder / f"{name}.npy"
        done = self._progress.done.get(name, 0)
        if done:  # opened for writing, a file that was cut would be filled up with zeros
            map_array(path, remedy="`hashbench cache rm` the unfinished entry")
        return ArrayWriter(path, rows, np.dtype(dtype), done, self._note)

    def _note(self, name: str, done: int) -> None:
        self._progress.done[name] = done
        self._progress.broken = list(self.broken.values())
        write_bytes_atomically(self.folder / PROGRESS, msgspec.json.encode(self._progress))

    def finish(self, entry: Path, identity: Mapping[str, object]) -> None:
        """Describes the entry and puts it in its place."""
        broken = sorted(self.broken.values(), key=lambda one: one.item)
        description = msgspec.json.encode({**identity, "broken": broken})
        write_bytes_atomically(self.folder / DESCRIPTION, msgspec.json.format(description) + b"\n")
        sync_folder(self.folder)
        fence.check(self.folder / DESCRIPTION)
        self.folder.rename(entry)
        (entry / PROGRESS).unlink(missing_ok=True)


@dataclass
class ArrayWriter:
    """One array of an entry, written piece by piece; `done` is how far it is."""

    path: Path
    rows: int
    dtype: np.dtype[Any]
    done: int
    note: Callable[[str, int], None]

    def write(self, index: slice | npt.NDArray[np.int64], values: Array, done: int) -> None:
        """Writes some rows, and notes that the array is `done` so far.

        Raises InputError for values that half precision cannot hold.
        """
        fence.check(self.path)
        if not self.done:
            create_array(self.path, (self.rows, *values.shape[1:]), self.dtype)
        # mapped anew for each piece: what stays mapped counts as this process's memory
        out = np.lib.format.open_memmap(self.path, mode="r+")
        with np.errstate(over="ignore"):
            stored = values.astype(out.dtype, copy=False)
        if out.dtype == np.float16 and not np.isfinite(stored).all():
            raise InputError(
                f"{self.path.stem}: values do not fit half precision",
                where="--backbone",
                remedy="--feature-precision fp32, or another backbone",
            )
        out[index] = stored
        out.flush()
        self.done = done
        self.note(self.path.stem, done)


class _Description(msgspec.Struct):
    broken: tuple[BrokenPicture, ...] = ()


def broken_in(entry: Path) -> tuple[BrokenPicture, ...]:
    """The pictures that could not be read when an entry was made."""
    return msgspec.json.decode((entry / DESCRIPTION).read_bytes(), type=_Description).broken


def _read(path: Path) -> _Progress:
    """The progress noted in a folder; none where there is no such file, or a torn one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Progress)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return _Progress({})
