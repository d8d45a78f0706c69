"""How a worker gets a device slot: at once without a ticket, in its turn with one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hashbench.errors import InputError, StopAskedError
from hashbench.plan import spec as specs
from hashbench.runs import control, events, processes, queue, slots
from hashbench.runs import writer as writers
from hashbench.runs.layout import RunFolder
from hashbench.runs.queue import Queue
from hashbench.runs.slots import Slot
from hashbench.runs.writer import EventWriter

POLL_SECONDS = 0.4
BEAT_SECONDS = 10.0  # many may wait for days, and a list reads what they write


@dataclass(frozen=True)
class Ticket:
    """The place in the queue that a worker was started with: the handle of its lock."""

    handle: str
    priority: int


def slot_for(
    run: RunFolder, ticket: Ticket | None, writer: EventWriter, job: str = ""
) -> Slot | None:
    """The slot that the run trains in. With a ticket it waits for its turn; without one it takes
    what is free, and None, so that it shares a device, where nothing is. A scheduler's `job` needs
    no slot: what it may use was given to it alone.

    Raises StopAskedError, InputError for a GPU that does not exist.
    """
    if job:
        writer.write(events.Fact(name="job", value=job))
        if control.read(run) == "stop":
            control.clear(run)
            raise StopAskedError("asked to stop while its job waited")
        writer.write(events.Fact(name="slot", value="none"))
        return None
    line = queue.of(run.path.parent)
    device = specs.read(run.spec).device
    if ticket is None:
        slot = line.take_now(run.id, device)
        if slot is None:
            text = (
                "no device slot is free: it shares the device with other runs; "
                "`--queue` would have waited"
            )
            writer.write(events.Note(level="info", text=text))
    else:
        writer.beat_seconds = BEAT_SECONDS
        slot = _wait(run, line, ticket, device, writer)
        writer.beat_seconds = writers.BEAT_SECONDS
    writer.write(events.Fact(name="slot", value="none" if slot is None else slot.place.name))
    return slot


def _wait(run: RunFolder, line: Queue, ticket: Ticket, device: str, writer: EventWriter) -> Slot:
    _check_gpu(device)
    writer.write(
        events.Queued(
            **processes.this(),
            device=device,
            priority=ticket.priority,
        )
    )
    held = False
    lock = line.adopt(run.id, ticket.handle) or line.enter(run.id, device, ticket.priority)
    try:
        while True:
            writer.require_in_place()
            held = _handle_control(run, line, writer, held=held)
            if not held:
                try:
                    slot = line.turn(run.id)
                except LookupError:  # the ticket is gone, or the folder: re-enter at the end
                    lock.close()
                    lock = line.enter(run.id, device, ticket.priority)
                    continue
                if slot is not None:
                    return slot
            time.sleep(POLL_SECONDS)
    except BaseException:
        line.leave(run.id)
        raise
    finally:
        lock.close()


def _handle_control(run: RunFolder, line: Queue, writer: EventWriter, *, held: bool) -> bool:
    """Handles a request; tells whether the run is held back. Raises StopAskedError."""
    request = control.read(run)
    if request is None:
        return held
    control.clear(run)
    if request == "stop":
        raise StopAskedError("asked to stop while it waited")
    wanted = request == "pause"
    if wanted != held:
        line.hold(run.id, held=wanted)
        writer.write(events.Paused() if wanted else events.Continued())
    return wanted


def _check_gpu(device: str) -> None:
    """A run must not wait for a GPU that will never come. Raises InputError."""
    kind, _, index = device.partition(":")
    seen = len(slots.visible_gpus())
    if kind == "cuda" and int(index or 0) >= seen:
        raise InputError(
            f"there is no device {device}: this host shows {seen} GPUs",
            where="--device",
            remedy="--device auto or --device cpu",
        )
