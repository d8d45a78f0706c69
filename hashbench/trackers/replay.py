"""The events of a run that are there, handed to a tracker or written as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import Tailer
from hashbench.trackers.catalog import Sink
from hashbench.trackers.points import Point, PointReader

CSV_HEADER = ("run", "step", "time", "name", "value")


def points_of(run: RunFolder) -> Iterator[Point]:
    """All numbers of a run so far."""
    tailer, reader = Tailer(run.events), PointReader()
    while events := tailer.poll():
        for event in events:
            if (point := reader.read(event)) is not None:
                yield point


def replay(run: RunFolder, sink: Sink) -> int:
    """Hands over all numbers so far; returns how many there were."""
    count = 0
    for point in points_of(run):
        sink.log(point)
        count += len(point.values)
    return count


def table(runs: Sequence[RunFolder]) -> str:
    """CSV, a line a number: run, training step, Unix time in seconds, name, value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for run in runs:
        for point in points_of(run):
            for name, value in point.values.items():
                writer.writerow([run.id, point.step, f"{point.time:.3f}", name, repr(value)])
    return out.getvalue()
