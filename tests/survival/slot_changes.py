"""Forty runs queued from eight shells, while the number of slots changes: 0, 1, 2, 1.

    python tests/survival/slot_changes.py [--shells 8] [--each 5]

Prints JSON: how many finished, how often one began where it was not allowed to, and how often a
later ticket was served before an earlier one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hashbench.launch import spawn
from hashbench.runs import layout, queue, slots
from hashbench.runs.state import Status
from hashbench.runs.status import status
from tests.survival.crowd import RUNS, overtakings, spans

PATIENCE = 7200.0
LATE_SECONDS = 5.0  # from taking a slot until the event that tells of it, on a busy machine


@dataclass
class Changes:
    """What was seen. `too_many` are runs that began beside more than the limit allowed."""

    runs: int
    finished: int = 0
    too_many: int = 0
    overtakings: int = 0
    most_at_once: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def well(self) -> bool:
        return self.finished == self.runs and not self.too_many and not self.overtakings


def slot_changes(folder: Path, data_dir: Path, *, shells: int, each: int) -> Changes:
    """Queues `each` runs from each of `shells` processes and waits until all are over."""
    began = time.monotonic()
    runs_dir = folder / "runs"
    environment = {k: v for k, v in os.environ.items() if k != slots.VARIABLE}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    line = queue.of(runs_dir)
    outcome = Changes(runs=shells * each)
    limits: list[tuple[float, int]] = []
    tickets: dict[str, int] = {}

    def set_slots(number: int) -> None:
        line.set_limits(slots.Limits(cpu=number))
        limits.append((time.time(), number))

    set_slots(0)
    command = [sys.executable, "-m", "hashbench", *RUNS, "--queue"]
    command += ["--runs-dir", str(runs_dir), "--data-dir", str(data_dir)]
    launching = [
        subprocess.Popen(
            [*command, "--seed", f"{shell * each}-{(shell + 1) * each - 1}"],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for shell in range(shells)
    ]
    for process in launching:
        process.wait()
    share = outcome.runs / 8
    for number, until in ((1, share), (2, 4 * share), (1, outcome.runs)):
        set_slots(number)
        while time.monotonic() - began < PATIENCE:
            tickets |= {one.run_id: one.number for one in line.waiting()}
            now = {run: status(run) for run in layout.find(runs_dir)}
            over = sum(one.state is Status.FINISHED for one in now.values())
            if over >= until or not any(spawn.has_worker(run, one) for run, one in now.items()):
                break
            time.sleep(0.5)
    folders = layout.find(runs_dir)
    states = [status(run).state for run in folders]
    outcome.states = {str(one): states.count(one) for one in states}
    outcome.finished = states.count(Status.FINISHED)
    times = [span for run in folders for span in spans(run)]
    for begin, _ in times:
        at_once = sum(start <= begin <= end for start, end in times)
        allowed = limit_at(limits, begin)
        key = f"{allowed} allowed"
        outcome.most_at_once[key] = max(at_once, outcome.most_at_once.get(key, 0))
        outcome.too_many += at_once > allowed
    order = [(tickets[run.id], spans(run)[0][0]) for run in folders if run.id in tickets]
    outcome.overtakings = overtakings(order, [end for _, end in times])
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def limit_at(limits: list[tuple[float, int]], moment: float) -> int:
    """The most that was allowed at a moment, or just before it."""
    before = [number for since, number in limits if since <= moment - LATE_SECONDS][-1:]
    return max([*before, *(n for since, n in limits if moment - LATE_SECONDS < since <= moment)])


def main() -> int:
    """Prints the figures as JSON; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shells", type=int, default=8)
    parser.add_argument("--each", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hashbench-slots-") as name:
        folder = Path(name)
        outcome = slot_changes(folder, folder / "data", shells=given.shells, each=given.each)
    sys.stdout.write(json.dumps(asdict(outcome), indent=1) + "\n")
    return 0 if outcome.well else 1


if __name__ == "__main__":
    sys.exit(main())
