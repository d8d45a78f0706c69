"""`python -m hashbench.engine RUN_FOLDER --data-dir DIR`: the worker process of one run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hashbench.engine.process import attempt
from hashbench.engine.slot_acquisition import Ticket
from hashbench.errors import HashbenchError
from hashbench.files import os_errors
from hashbench.runs.layout import RunFolder


def main() -> int:
    """Parses, works, returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hashbench.engine", description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of the run")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--ticket", help="the place in the queue: the handle of its lock")
    parser.add_argument("--priority", type=int, default=0, help="of the ticket")
    parser.add_argument(
        "--wait-for-claim",
        type=_seconds,
        metavar="SECONDS",
        help="wait so long for another worker of this run to end, or to count as dead, as a job "
        "that was requeued does; a run that is finished by then is no error",
    )
    parser.add_argument("--job", default="", help="the scheduler's job in which this runs")
    given = parser.parse_args()
    ticket = None if given.ticket is None else Ticket(given.ticket, given.priority)
    try:
        run = RunFolder(given.run.resolve())
        return attempt(run, given.data_dir, ticket, wait=given.wait_for_claim, job=given.job)
    except HashbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:  # its own files cannot be written, so there can be no event
        explained = os_errors.explained(error)
        sys.stderr.write(f"{explained}\n")
        return explained.exit_code


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 on")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
