"""TensorBoard: event files in a folder a run, for `tensorboard --logdir` of what is above it."""

from __future__ import annotations

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.text.summary import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from hashbench.plan.spec import to_toml
from hashbench.trackers.catalog import Target
from hashbench.trackers.points import Point

DEFAULT_FOLDER = Path("tensorboard")


class EventFiles:
    """Fills `folder/<run>`. Event files of an earlier call are replaced: all that is in them
    follows from the run's events.
    """

    def __init__(self, target: Target) -> None:
        self._folder = (target.folder or DEFAULT_FOLDER) / target.run
        for earlier in self._folder.glob("events.out.tfevents.*"):
            earlier.unlink(missing_ok=True)
        self._writer = EventFileWriter(str(self._folder))
        self._spec = text_pb("spec", f"```\n{to_toml(target.spec)}```")

    def log(self, point: Point) -> None:
        """Scalars at the time at which they were computed."""
        if self._spec is not None:
            self._writer.add_event(Event(wall_time=point.time, step=0, summary=self._spec))
            self._spec = None
        values = [Summary.Value(tag=name, simple_value=v) for name, v in point.values.items()]
        summary = Summary(value=values)
        self._writer.add_event(Event(wall_time=point.time, step=point.step, summary=summary))

    def close(self) -> str:
        """Writes what is left."""
        self._writer.close()
        return f"{self._folder}: tensorboard --logdir {self._folder.parent}"
