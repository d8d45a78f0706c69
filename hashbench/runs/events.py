"""The events of a run, one JSON object a line in `events.jsonl`.

Every event carries `v` (format version), `seq` (counts up from 0 through resumes) and `t` (Unix
time in seconds). Kinds that a reader does not know are skipped, so that kinds can be added.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

VERSION = 1
LATEST = 253402300799.0  # the end of the year 9999, above which no calendar goes

Scalar = str | int | float | bool | None
"""What a fact is: nothing nested, so that whoever shows it needs no care for depth."""


class Event(msgspec.Struct, frozen=True, tag_field="kind", kw_only=True, omit_defaults=True):
    """What all events share; the writer fills these in."""

    v: int = VERSION
    seq: Annotated[int, msgspec.Meta(ge=-1, le=2**53)] = -1
    t: Annotated[float, msgspec.Meta(ge=0, le=LATEST)] = 0.0


class Queued(Event, tag="queued", frozen=True):
    """A worker has taken the run and waits for a device slot; its process as in `Started`."""

    pid: int
    since: float
    host: str
    device: str
    priority: int = 0
    mark: str = ""
    file: str = ""


class Started(Event, tag="started", frozen=True):
    """A worker took the run. `since` is the process's start time, by which a reused pid is
    recognised; `mark` is the same by the kernel's count, which setting the clock does not move
    (`runs.processes`). `file` is the file that the event was written into, filled in by the writer:
    in a copied folder it is another one, whose worker this is not.
    """

    pid: int
    since: float
    host: str
    mark: str = ""
    file: str = ""
    resumed: bool = False
    facts: dict[str, Scalar] = {}


class StagePlan(msgspec.Struct, frozen=True):
    """A stage as planned: how many epochs of how many steps."""

    name: str
    title: str
    epochs: int
    steps: int


class Planned(Event, tag="planned", frozen=True):
    """All stages, before the first begins, so that progress and time left are known."""

    stages: tuple[StagePlan, ...]
    sizes: dict[str, int] = {}


class Fact(Event, tag="fact", frozen=True):
    """Something about the run that became known, such as a split hash or a note of the data."""

    name: str
    value: Scalar


class Progress(Event, tag="progress", frozen=True):
    """How far something outside of training is, such as features; `total` 0 means unknown."""

    what: str
    done: int
    total: int


class StageBegan(Event, tag="stage", frozen=True):
    """A stage begins."""

    stage: str


class Loss(Event, tag="loss", frozen=True):
    """Means of the loss terms since the last such event; `total` is what is minimised."""

    stage: str
    epoch: int
    step: int
    values: dict[str, float]


class EpochEnded(Event, tag="epoch", frozen=True):
    """An epoch ended: means of the loss terms over it, and how long it took."""

    stage: str
    epoch: int
    values: dict[str, float]
    seconds: float


class Scores(Event, tag="scores", frozen=True):
    """Retrieval scores, `direction:metric @bits` -> value, on validation or, once, on test."""

    stage: str
    epoch: int
    on: Literal["validation", "test"]
    values: dict[str, float]


class Monitors(Event, tag="monitors", frozen=True):
    """What a method watches of itself: bit balance, sign disagreement, gate values."""

    stage: str
    epoch: int
    values: dict[str, float]


class RecoveryExample(msgspec.Struct, frozen=True):
    """How the labels of one training item were recovered, class by class.

    `start` is the score of the known positives; each step is (class, score reached); `stop` is the
    best class that was refused, and the score it would have led to. `runners_up` are, for each
    step, the classes that came next, best first; earlier versions wrote none.
    """

    item: str
    known: tuple[str, ...]
    true: tuple[str, ...]
    start: float
    steps: tuple[tuple[str, float], ...]
    stop: tuple[str, float] | None = None
    runners_up: tuple[tuple[tuple[str, float], ...], ...] = ()


class Recovery(Event, tag="recovery", frozen=True):
    """Labels that a method recovered: precision, recall and counts, overall and by class.

    Counted over entries that were unknown; a ratio whose denominator is 0 is left out.
    """

    stage: str
    epoch: int
    values: dict[str, float]
    classes: dict[str, dict[str, float]] = {}
    examples: tuple[RecoveryExample, ...] = ()


class Saved(Event, tag="saved", frozen=True):
    """A checkpoint was written; `best` names what chose it, if it is the best so far."""

    stage: str
    epoch: int
    step: int
    best: float | None = None


_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]
_Cores = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
_Bytes = Annotated[float, msgspec.Meta(ge=0, le=2**60)]
_Watts = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class GpuUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One GPU, whoever used it: mean `load` from 0 to 1, most `memory` of `total` in bytes, highest
    `temperature` in degrees Celsius, mean `power` in watts. None: the driver does not measure it.
    """

    index: Annotated[int, msgspec.Meta(ge=0, le=4095)]
    load: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    memory: _Bytes | None = None
    total: _Bytes | None = None
    temperature: Annotated[float, msgspec.Meta(ge=-300, le=1e4)] | None = None
    power: _Watts | None = None


class MachineUse(Event, tag="machine", frozen=True):
    """What the run took of its machine in the last `seconds`: `cpu` in cores, mean; `memory`, the
    resident bytes of worker and children, at its highest; the GPU that it trains on.

    `measured` are the seconds that all such events of the run cover, this one included.
    """

    seconds: _Seconds
    measured: _Seconds
    cpu: _Cores
    memory: _Bytes
    gpus: tuple[GpuUse, ...] = ()


class MachineTotals(msgspec.Struct, frozen=True, omit_defaults=True):
    """`MachineUse` over a whole run: means of `cpu`, `load` and `power`, the highest of the others;
    `energy` in joules, of the GPU.
    """

    seconds: _Seconds
    cpu: _Cores
    memory: _Bytes
    gpus: tuple[GpuUse, ...] = ()
    energy: Annotated[float, msgspec.Meta(ge=0)] | None = None


class Beat(Event, tag="beat", frozen=True):
    """The worker lives; written where nothing else was for a while."""


class Note(Event, tag="note", frozen=True):
    """A sentence for the person."""

    level: Literal["info", "warning"]
    text: str


class Paused(Event, tag="paused", frozen=True):
    """The worker waits, its state saved, until it is asked to continue or stop."""


class Continued(Event, tag="continued", frozen=True):
    """The worker continues after a pause."""


class Stopped(Event, tag="stopped", frozen=True):
    """The worker saved its state and ended before the run was over; it can be resumed. `again`: not
    a person but a scheduler ended it, and may start it again.

    Here and below `warnings` are the rules that had spoken (`runs.warnings`), and `machine` what
    the run took so far, so that lists need not read all events of a run that has ended.
    """

    reason: str
    again: bool = False
    warnings: tuple[str, ...] = ()
    machine: MachineTotals | None = None


class Failed(Event, tag="failed", frozen=True):
    """The run cannot go on. `remedy` says what to do, `detail` holds the last lines of the trace,
    `code` is the exit code of that kind of failure.
    """

    reason: str
    remedy: str = ""
    detail: str = ""
    code: int = 1
    warnings: tuple[str, ...] = ()
    machine: MachineTotals | None = None


class Finished(Event, tag="finished", frozen=True):
    """The run is over and `result.json` is there."""

    seconds: float
    warnings: tuple[str, ...] = ()
    machine: MachineTotals | None = None


class Notified(Event, tag="notified", frozen=True):
    """After the end: an action of `--on-finish` was carried out; empty `problem`: it went well."""

    action: str
    problem: str = ""


AnyEvent = (
    Queued
    | Started
    | Planned
    | Fact
    | Progress
    | StageBegan
    | Loss
    | EpochEnded
    | Scores
    | Monitors
    | Recovery
    | Saved
    | MachineUse
    | Beat
    | Note
    | Paused
    | Continued
    | Stopped
    | Failed
    | Finished
    | Notified
)

_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_encoder = msgspec.json.Encoder()


def decode(line: bytes) -> AnyEvent | None:
    """The event in a line, None where there is none (torn, foreign, of an unknown kind)."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def encode(event: AnyEvent) -> bytes:
    """The event as one line, newline included. Numbers that are not finite become null."""
    return _encoder.encode(event) + b"\n"
