"""The runs that a demo plays, as one compressed file: `tests/tui/record_demo.py` makes it."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec

from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder

RECORDING = Path(__file__).with_name("recording.json.gz")

NOT_PLAYED = (
    events.Queued, events.Started, events.Beat, events.Paused, events.Continued, events.Notified,
)  # fmt: skip
"""Events of the worker that was recorded; a player writes those of its own."""


class RecordedRun(msgspec.Struct, frozen=True):
    """A run as it was: its events without those of NOT_PLAYED, and its other files as they were."""

    id: str
    events: tuple[AnyEvent, ...]
    files: dict[str, bytes]

    @property
    def seconds(self) -> float:
        """From its first event to its last."""
        return self.events[-1].t - self.events[0].t if self.events else 0.0


def pack(runs: list[RecordedRun], path: Path = RECORDING) -> None:
    """Writes a recording; equal runs give equal bytes."""
    path.write_bytes(gzip.compress(msgspec.json.encode(runs), mtime=0))


def load(path: Path = RECORDING) -> dict[str, RecordedRun]:
    """The recorded runs by id, in the order in which they are played."""
    runs = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=list[RecordedRun])
    return {run.id: run for run in runs}


def lay_out(recorded: RecordedRun, runs_dir: Path) -> RunFolder:
    """The folder of a run that waits to be played: its spec alone."""
    run = RunFolder(runs_dir / recorded.id)
    run.path.mkdir(parents=True)
    run.spec.write_bytes(recorded.files["spec.toml"])
    return run


def write_outcome(recorded: RecordedRun, run: RunFolder) -> None:
    """What a run leaves behind besides its events: result, codes, log.

    Raises FileNotFoundError where the folder is gone.
    """
    for name, content in recorded.files.items():
        if name != "spec.toml":
            path = run.path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
