"""The queue of a runs folder on one host: who waits for a device, in which order, and whose turn
it is. There is no daemon: each worker waits for itself.

A waiting run has a ticket, a file whose name sorts by priority and arrival and whose lock its
worker holds; when that worker dies, the operating system releases the lock and whoever looks next
sweeps the ticket away. Everything that reads or changes the order holds the queue's lock.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files import locks
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.runs import processes, slots
from hashbench.runs.slots import Limits, Place, Slot

FOLDER = ".queue"
PRIORITY_LOW, PRIORITY_HIGH = -999, 999
TICKET_BYTES = 4096
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

    def enter(self, run_id: str, device: str, priority: int) -> int:
        """Puts a run at the end of its priority; returns the open file that holds its ticket.

        A process that inherits the file holds the place. Raises InputError for a priority out of
        range or a folder that cannot be written.
        """
        check_priority(priority)
        self.make()
        with locks.held(self.folder / _LOCK):
            for old in self._named(run_id):
                (self._tickets / old).unlink(missing_ok=True)
            number = self._draw()
            building = self._tickets / f".{run_id}"
            self._write(building, Ticket(device))
            lock = locks.take(building)
            if lock is None:  # a file of that name that another process holds: not ours to take
                raise InputError("is being put into the queue already", where=run_id)
            building.rename(self._tickets / _name(priority, number, run_id))
            return lock

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
                        (self._tickets / name).unlink(missing_ok=True)
                    return slot
                if not locks.is_held(self._tickets / name):
                    (self._tickets / name).unlink(missing_ok=True)  # its worker has died
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
                (self._tickets / name).unlink(missing_ok=True)

    def hold(self, run_id: str, *, held: bool) -> None:
        """Lets others pass, or no longer. The file stays the same one, since its lock counts."""
        with locks.held(self.folder / _LOCK):
            for name in self._named(run_id):
                device = self._read(name).device
                path = self._tickets / name
                with path.open("r+b") as file:
                    file.write(msgspec.json.encode(Ticket(device, held)))
                    file.truncate()

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
                if locks.is_held(self._tickets / name):
                    priority, number, run_id = _parts(name)
                    waiting.append(Waiting(run_id, priority, number, self._read(name)))
        return waiting

    def waits(self, run_id: str) -> bool:
        """Whether a living worker has this run's ticket."""
        return any(locks.is_held(self._tickets / name) for name in self._named(run_id))

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

    def _read(self, name: str) -> Ticket:
        with contextlib.suppress(OSError, DamagedFileError, msgspec.DecodeError):
            content = read_bounded(self._tickets / name, TICKET_BYTES, "a ticket")
            return msgspec.json.decode(content, type=Ticket)
        return Ticket("auto")  # it counts by its place; what it wants is a matter of its worker

    def _write(self, path: Path, ticket: Ticket) -> None:
        try:
            path.unlink(missing_ok=True)
            with path.open("xb") as file:
                file.write(msgspec.json.encode(ticket))
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
