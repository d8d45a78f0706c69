"""Follows a run for a tracker: `python -m hashbench.trackers.follow RUN TRACKER`.

A process of its own that only reads the run's events: a tracker that fails or hangs ends or stops
this process, and the worker does not notice. It ends when no worker has the run any more.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from hashbench.errors import HashbenchError
from hashbench.launch.spawn import has_worker
from hashbench.plan import spec as specs
from hashbench.runs.events import Finished
from hashbench.runs.layout import RunFolder
from hashbench.runs.status import status_of
from hashbench.runs.tailer import Tailer
from hashbench.trackers.catalog import Sink, Target, tracker_named
from hashbench.trackers.points import PointReader

POLL_SECONDS = 1.0
START_SECONDS = 30.0
"""How long a worker may need until it holds the run."""


def follow(run: RunFolder, sink: Sink) -> None:
    """Hands over numbers as they come, until no worker has the run."""
    tailer, reader = Tailer(run.events), PointReader()
    began = time.monotonic()
    seen = False
    while True:
        # asked before the last events are read, so that none is missed
        taken = has_worker(run, status_of(run, reader.state, {}))
        seen = seen or taken or isinstance(reader.state.ended, Finished)
        fresh = tailer.poll()
        for event in fresh:
            if (point := reader.read(event)) is not None:
                sink.log(point)
        over = seen or time.monotonic() - began > START_SECONDS
        if not fresh and not taken and over:
            return
        if not tailer.behind:
            time.sleep(POLL_SECONDS)


def main() -> int:
    """Follows until the run is over; what goes wrong is in this process's log."""
    parser = argparse.ArgumentParser(
        prog="python -m hashbench.trackers.follow", description=__doc__
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("tracker")
    arguments = parser.parse_args()
    run = RunFolder(arguments.run)
    spec = specs.read(run.spec)
    target = Target(run.id, spec)
    if arguments.tracker == "tensorboard":
        # it finds event files anywhere below its folder, so that they stay with their run
        target = Target("tensorboard", spec, folder=run.path)
    try:
        sink = tracker_named(arguments.tracker, "--track").open(target)
    except HashbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    try:
        follow(run, sink)
    finally:
        place = sink.close()
    sys.stderr.write(f"{place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
