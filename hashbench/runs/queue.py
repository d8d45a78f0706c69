"""The queue of a runs folder on one host: who waits for a device, in which order, and whose turn
it is. There is no daemon: each worker waits for itself.

A waiting run has a ticket, a file whose name sorts by priority and arrival, and its worker holds
the lock of the ticket; when that worker dies, the lock ends with it and whoever looks next sweeps
the ticket away. Everything that reads or changes the order holds the queue's lock.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files import locks
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.files.locks import Lock
from hashbench.runs import processes, slots
from hashbench.runs.slots import Limits, Place, Slot

FOLDER = ".queue"
PRIORITY_LOW, PRIORITY_HIGH = -999, 999
TICKET_BYTES = 4096
PROBE_SECONDS = 1.0  # who lists a queue locks each lock for a moment
_TICKETS = "tickets"
_LOCK = "queue.lock"
_NEXT = "next"


class Ticket(msgspec.Struct, frozen=True):
    """What a run waits for. One that is held keeps its place and lets others pass."""

    device: str
    held: bool = False


@dataclass(frozen=True)
class Waiting:
    """A run that waits, as a list shows it."""

    run_id: str
    priority: int
    number: int
    ticket: Ticket


@dataclass(frozen=True)
class Queue:
    """The queue below `folder`, which `of` finds."""

    folder: Path

    @property
    def _tickets(self) -> Path:
        return self.folder / _TICKETS

    def enter(self, run_id: str, device: str, priority: int) -> Lock:
        """Puts a run at the end of its priority; returns the lock that holds its ticket.

        A process that it is handed over to holds the place (see `adopt`). Raises InputError for a
        priority out of range or a folder that cannot be written.
        """
        check_priority(priority)
        self.make()
        with locks.held(self.folder / _LOCK):
            for old in self._named(run_id):
                (self._tickets / old).unlink(missing_ok=True)
            number = self._draw()
            lock = self._take_lock(run_id)
            if lock is None:
                raise InputError("is being put into the queue already", where=run_id)
            try:
                self._write(self._tickets / _name(priority, number, run_id), Ticket(device))
            except BaseException:
                lock.close()
                raise
            return lock

    def adopt(self, run_id: str, handle: str) -> Lock | None:
        """The lock of a ticket that the process which started this one held; None if it lapsed."""
        return locks.adopt(self._lock_of(run_id), handle)

    def turn(self, run_id: str) -> Slot | None:
        """A slot, if one is free that no run before this one can use; the ticket is then gone.

        Raises LookupError where the run has no ticket (the queue's folder was removed).
        """
        self.make()
        with locks.held(self.folder / _LOCK):
            own = self._named(run_id)
            if not own:
                raise LookupError(run_id)
            places = slots.places(self.folder)
            free = slots.open_places(self.folder)
            for name in self._names():
                if not free:
                    return None
                wanted = self._read(name)
                usable = [p for p in slots.suitable(places, wanted.device) if p in free]
                if name == own[0]:
                    slot = slots.take(self.folder, usable[0], run_id) if usable else None
                    if slot is not None:
                        self._remove(name)
                    return slot
                if not self._is_held(name):
                    self._sweep(name)
                elif usable and not wanted.held:
                    free.remove(usable[0])
            return None

    def take_now(self, run_id: str, device: str) -> Slot | None:
        """A free slot for a run that does not wait, whoever does; None where all are taken."""
        self.make()
        with locks.held(self.folder / _LOCK):
            free = slots.open_places(self.folder)
            for place in slots.suitable(slots.places(self.folder), device):
                slot = slots.take(self.folder, place, run_id) if place in free else None
                if slot is not None:
                    return slot
        return None

    def leave(self, run_id: str) -> None:
        """Takes a run's ticket away, if the queue's folder is still there."""
        with contextlib.suppress(FileNotFoundError), locks.held(self.folder / _LOCK):
            for name in self._named(run_id):
                self._remove(name)

    def hold(self, run_id: str, *, held: bool) -> None:
        """Lets others pass, or no longer."""
        with locks.held(self.folder / _LOCK):
            for name in self._named(run_id):
                self._write(self._tickets / name, Ticket(self._read(name).device, held))

    def prefer(self, run_id: str, priority: int) -> None:
        """Gives a waiting run another priority. Raises InputError where it does not wait."""
        check_priority(priority)
        with locks.held(self.folder / _LOCK):
            names = self._named(run_id)
            if not names:
                raise InputError("does not wait in the queue of this host", where=run_id)
            _, number, _ = _parts(names[0])
            renamed = self._tickets / _name(priority, number, run_id)
            (self._tickets / names[0]).rename(renamed)

    def waiting(self) -> list[Waiting]:
        """The runs whose workers wait, first to last; changes nothing."""
        waiting = []
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):
                if self._is_held(name):
                    priority, number, run_id = _parts(name)
                    waiting.append(Waiting(run_id, priority, number, self._read(name)))
        return waiting

    def waits(self, run_id: str) -> bool:
        """Whether a living worker has this run's ticket."""
        return bool(self._named(run_id)) and locks.is_held(self._lock_of(run_id))

    def slots(self) -> list[tuple[Place, str | None]]:
        """All slots, and the run that holds each; those beyond the limits as long as a run has one.

        Changes nothing.
        """
        return [
            (
                place,
                None
                if slots.is_free(self.folder, place)
                else slots.holder(self.folder, place) or "another process",
            )
            for place in (*slots.places(self.folder), *slots.places_beyond(self.folder))
        ]

    def set_limits(self, limits: Limits) -> None:
        """Keeps how many runs may train at once; it applies to workers that wait at once."""
        self.make()
        slots.set_limits(self.folder, limits)

    def make(self) -> None:
        """Makes the folders, as open to others as the runs folder is."""
        try:
            self.folder.parents[1].mkdir(parents=True, exist_ok=True)
            shared = self.folder.parents[1].stat().st_mode & 0o777
            for folder in (self.folder.parent, self.folder, self._tickets):
                if not folder.is_dir():
                    folder.mkdir(exist_ok=True)
                    folder.chmod(shared)
        except OSError as error:
            raise InputError(
                f"cannot make the queue's folder: {error.strerror}",
                where=self.folder,
                remedy="another --runs-dir, or make this one writable",
            ) from None

    def _draw(self) -> int:
        """The next number; a damaged counter goes on above the tickets that are there."""
        path = self.folder / _NEXT
        try:
            last = int(path.read_bytes()[:20])
        except (OSError, ValueError):
            last = max((_parts(name)[1] for name in self._names()), default=0)
        try:
            write_bytes_atomically(path, b"%d\n" % (last + 1))
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=path) from None
        return last + 1

    def _names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(entry.name for entry in self._tickets.iterdir() if _is_ticket(entry.name))
        return []

    def _named(self, run_id: str) -> list[str]:
        return [name for name in self._names() if _parts(name)[2] == run_id]

    def _lock_of(self, run_id: str) -> Path:
        """The lock of a run's ticket, whose own name changes with its priority."""
        return self._tickets / f".{run_id}.lock"

    def _is_held(self, name: str) -> bool:
        return locks.is_held(self._lock_of(_parts(name)[2]))

    def _take_lock(self, run_id: str) -> Lock | None:
        until = time.monotonic() + PROBE_SECONDS
        while (lock := locks.take(self._lock_of(run_id))) is None and time.monotonic() < until:
            time.sleep(locks.POLL_SECONDS)
        return lock

    def _remove(self, name: str) -> None:
        """Removes a ticket. Its lock stays with who holds it, and is found anew by nobody."""
        (self._tickets / name).unlink(missing_ok=True)
        self._lock_of(_parts(name)[2]).unlink(missing_ok=True)

    def _sweep(self, name: str) -> None:
        """Removes the ticket of a worker that has died, with its lock."""
        lock = locks.take(self._lock_of(_parts(name)[2]))
        self._remove(name)
        if lock is not None:
            lock.close()

    def _read(self, name: str) -> Ticket:
        with contextlib.suppress(OSError, DamagedFileError, msgspec.DecodeError):
            content = read_bounded(self._tickets / name, TICKET_BYTES, "a ticket")
            return msgspec.json.decode(content, type=Ticket)
        return Ticket("auto")  # it counts by its place; what it wants is a matter of its worker

    def _write(self, path: Path, ticket: Ticket) -> None:
        try:
            building = path.with_name(f".{path.name}")
            building.unlink(missing_ok=True)
            with building.open("xb") as file:
                file.write(msgspec.json.encode(ticket))
            building.rename(path)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=path) from None


def of(runs_dir: Path) -> Queue:
    """The queue of a runs folder on this host."""
    host = "".join(c if c.isalnum() or c in "-_" else "_" for c in processes.hostname())
    return Queue(runs_dir / FOLDER / (host or "host"))


def positions(runs_dir: Path) -> dict[str, int]:
    """Run id -> place in the queue of this host, from 1. Raises OSError, HashbenchError."""
    return {entry.run_id: place for place, entry in enumerate(of(runs_dir).waiting(), start=1)}


def parse_priority(text: str) -> int:
    """A priority as typed by a person. Raises InputError."""
    try:
        priority = int(text)
    except ValueError:
        raise InputError(f"{text!r} is not a whole number", where="--priority") from None
    check_priority(priority)
    return priority


def check_priority(priority: int) -> None:
    """Raises InputError for a priority out of range."""
    if not PRIORITY_LOW <= priority <= PRIORITY_HIGH:
        raise InputError(
            f"{priority} is out of range",
            where="--priority",
            remedy=f"from {PRIORITY_LOW} to {PRIORITY_HIGH}, the highest first",
        )


def _name(priority: int, number: int, run_id: str) -> str:
    return f"{PRIORITY_HIGH - priority:04d}-{number:010d}-{run_id}"


def _parts(name: str) -> tuple[int, int, str]:
    rank, number, run_id = name.split("-", 2)
    return PRIORITY_HIGH - int(rank), int(number), run_id


def _is_ticket(name: str) -> bool:
    rank, _, rest = name.partition("-")
    number, _, run_id = rest.partition("-")
    return rank.isdecimal() and number.isdecimal() and bool(run_id)
