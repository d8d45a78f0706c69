"""Device slots of this host: how many runs may train at once, a lock file each.

A slot is taken by holding its lock, which ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hashbench.errors import InputError
from hashbench.files import locks
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.files.locks import Lock
from hashbench.runs import gpus

VARIABLE = "HASHBENCH_SLOTS"
MOST = 1024
_FILE = "slots.json"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs at once: on the processors, since a run uses all its cores unless it has `--threads`,
    and on each GPU.
    """

    cpu: int = 1
    gpu: int = 1


@dataclass(frozen=True)
class Place:
    """A slot of this host: the name of its lock, and the device as torch counts it."""

    name: str
    device: str

    def serves(self, wanted: str) -> bool:
        """Whether a run that asks for `wanted` (auto, cpu, cuda, cuda:N) may use it."""
        kind = self.device.partition(":")[0]
        return wanted in (self.device, kind, "auto")


@dataclass(frozen=True)
class Slot:
    """A slot that this process holds until it ends or closes it."""

    place: Place
    _lock: Lock

    def close(self) -> None:
        """Gives the slot back."""
        self._lock.close()


def limits(folder: Path) -> Limits:
    """The limits of a queue folder; the environment variable HASHBENCH_SLOTS wins over its file.

    Raises InputError for a variable or a file that states none.
    """
    setting = os.environ.get(VARIABLE)
    if setting is not None:
        return parse(setting, where=VARIABLE)
    path = folder / _FILE
    try:
        stored = msgspec.json.decode(read_bounded(path, 4096, "a file of slots"), type=Limits)
    except FileNotFoundError:
        return Limits()
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"does not set numbers of slots: {error}",
            where=path,
            remedy="hashbench queue --slots cpu=1,gpu=1",
        ) from None
    return _checked(stored, path)


def set_limits(folder: Path, wanted: Limits) -> None:
    """Keeps the limits; they apply to workers that wait at once. Raises InputError."""
    try:
        write_bytes_atomically(folder / _FILE, msgspec.json.encode(wanted) + b"\n")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=folder) from None


def parse(text: str, *, where: object, otherwise: Limits | None = None) -> Limits:
    """Limits as people type them, `cpu=2,gpu=1`; what is not named is as in `otherwise`.

    Raises InputError.
    """
    values = msgspec.structs.asdict(otherwise or Limits())
    for word in text.split(","):
        kind, equals, number = (part.strip() for part in word.partition("="))
        if kind not in values or not equals or not number.isascii() or not number.isdecimal():
            raise InputError(
                f"{word.strip()!r} is not a number of slots",
                where=where,
                remedy="such as cpu=2,gpu=1",
            )
        values[kind] = int(number[:9])
    return _checked(Limits(**values), where)


def _checked(checked: Limits, where: object) -> Limits:
    if not (0 <= checked.cpu <= MOST and 0 <= checked.gpu <= MOST):
        raise InputError(f"slots go from 0 to {MOST}", where=where)
    return checked


def places(folder: Path) -> list[Place]:
    """The slots of this host, GPUs first, so that `auto` prefers them.

    A GPU's lock carries its number on the machine, whatever CUDA_VISIBLE_DEVICES makes of it, so
    that processes that see different GPUs agree.
    """
    most = limits(folder)
    on_gpus = [
        Place(f"gpu-{name}.{number}", f"cuda:{index}")
        for number in range(most.gpu)
        for index, name in enumerate(visible_gpus())
    ]
    return on_gpus + [Place(f"cpu.{number}", "cpu") for number in range(most.cpu)]


def places_beyond(folder: Path) -> list[Place]:
    """Slots beyond the limits that are held all the same: by runs which began when there were
    more, and which train on.
    """
    within = {place.name for place in places(folder)}
    names = sorted(lock.stem for lock in folder.glob("*.[0-9]*.lock"))
    found = [
        Place(name, "cpu" if _kind(name) == "cpu" else "cuda")
        for name in names
        if name not in within
    ]
    return [place for place in found if not is_free(folder, place)]


def open_places(folder: Path) -> list[Place]:
    """The slots that a run may take at this moment; one beyond the limits closes one of its kind,
    so that there are never more runs than allowed once some have ended.
    """
    beyond = Counter(_kind(place.name) for place in places_beyond(folder))
    found = []
    for place in places(folder):
        if is_free(folder, place):
            if beyond[_kind(place.name)]:
                beyond[_kind(place.name)] -= 1
            else:
                found.append(place)
    return found


def _kind(name: str) -> str:
    """`cpu` of `cpu.0`, `gpu-1` of `gpu-1.0`."""
    return name.rpartition(".")[0]


def suitable(candidates: list[Place], wanted: str) -> list[Place]:
    """Those of the places that a run may use: `auto` means a GPU wherever there is one."""
    if wanted == "auto" and any(place.device != "cpu" for place in candidates):
        wanted = "cuda"
    return [place for place in candidates if place.serves(wanted)]


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, in torch's order, without asking torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        usable = [name for name in names if name and name != "-1"]
        return ["".join(c if c.isalnum() else "_" for c in name) for name in usable]
    return [str(number) for number in range(gpus.count())]


def take(folder: Path, place: Place, run_id: str) -> Slot | None:
    """The slot, if nobody holds it. The file of the lock holds the id of the run."""
    lock = locks.take(_lock_of(folder, place))
    if lock is None:
        return None
    with contextlib.suppress(OSError):  # another user's file, or a full disk: a name less to show
        lock.note(run_id.encode())
    return Slot(place, lock)


def is_free(folder: Path, place: Place) -> bool:
    """Whether nobody holds the slot at this moment."""
    return not locks.is_held(_lock_of(folder, place))


def holder(folder: Path, place: Place) -> str | None:
    """The run that took the slot last; it may have ended since, see `is_free`."""
    try:
        return _lock_of(folder, place).read_bytes()[:255].decode(errors="replace") or None
    except OSError:
        return None


def _lock_of(folder: Path, place: Place) -> Path:
    return folder / f"{place.name}.lock"
