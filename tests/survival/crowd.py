"""Many runs launched at once by several processes, with two slots: who trains when, and what
becomes of all when some of their workers are killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.launch import actions, spawn
from hashbench.runs import events, layout, queue, slots
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all

RUNS = ("run", "--method", "lsh", "--dataset", "picturebook-tiny", "--threads", "1", "--bits", "8")
PATIENCE = 1800.0


@dataclass
class Crowd:
    """What was seen of a crowd of runs."""

    runs: int
    finished: int = 0
    most_at_once: int = 0
    overtakings: int = 0  # a later ticket of the same attempt took a slot before an earlier one
    killed: int = 0
    seconds: float = 0.0
    states: dict[str, int] = field(default_factory=dict)


def crowd(folder: Path, data_dir: Path, *, each: int, launchers: int, kills: int) -> Crowd:
    """Launches `each` runs from each of `launchers` processes, kills `kills` workers at random
    moments, retries those runs, and waits until all are over.
    """
    began = time.monotonic()
    runs_dir = folder / "runs"
    environment = os.environ | {slots.VARIABLE: "cpu=2", "CUDA_VISIBLE_DEVICES": ""}
    os.environ |= environment  # workers that are started again from here, too
    places = ["--runs-dir", str(runs_dir), "--data-dir", str(data_dir)]
    command = [sys.executable, "-m", "hashbench", *RUNS, "--queue", *places]
    processes = [
        subprocess.Popen(
            [*command, "--seed", f"{number * each}-{(number + 1) * each - 1}"],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        for number in range(launchers)
    ]
    draw = random.Random(0)  # which workers die need not be a secret
    outcome = Crowd(runs=each * launchers)
    tickets: dict[str, int] = {}
    doomed: set[str] = set()
    children: list[subprocess.Popen[bytes]] = []
    while time.monotonic() - began < PATIENCE:
        tickets |= {one.run_id: one.number for one in queue.of(runs_dir).waiting()}
        folders = layout.find(runs_dir)
        statuses = {run: status(run) for run in folders}
        alive = [run for run in folders if statuses[run].worker_lives]
        fresh = [run for run in alive if run.id not in doomed]
        launched = all(process.poll() is not None for process in processes)
        if outcome.killed < kills and fresh and launched:
            doomed.add((run := draw.choice(fresh)).id)
            actions.kill(run)
            outcome.killed += 1
            until_lost(run)
            children.append(spawn.enqueue(run, data_dir))
        elif launched and not any(spawn.has_worker(run, statuses[run]) for run in folders):
            break
        time.sleep(0.3 if kills and outcome.killed < kills else 0.1)
    for process in (*processes, *children):
        process.wait()
    folders = layout.find(runs_dir)
    states = [status(run).state for run in folders]
    outcome.states = {str(one): states.count(one) for one in states}
    outcome.finished = states.count(Status.FINISHED)
    outcome.most_at_once = most_at_once([span for run in folders for span in spans(run)])
    quiet = [run for run in folders if run.id in tickets and run.id not in doomed]
    freed = [end for run in folders for _, end in spans(run)]
    outcome.overtakings = overtakings([(tickets[run.id], spans(run)[0][0]) for run in quiet], freed)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def until_lost(run: RunFolder) -> None:
    deadline = time.monotonic() + 30
    while spawn.has_worker(run, status(run)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run.id} is still held")
        time.sleep(0.02)


def spans(run: RunFolder) -> list[tuple[float, float]]:
    """When each of a run's attempts took its slot, and when it was last heard of."""
    times: list[tuple[float, float]] = []
    training = False
    for event in read_all(run.events):
        match event:
            case events.Queued():
                training = False  # what comes next comes from a worker that waits
            case events.Fact(name="slot"):
                training = True
                times.append((event.t, event.t))
            case _ if training:
                times[-1] = (times[-1][0], event.t)
            case _:
                pass
    return times


def most_at_once(times: list[tuple[float, float]]) -> int:
    """The largest number of spans that share a moment."""
    changes = sorted([(start, 1) for start, _ in times] + [(end, -1) for _, end in times])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def overtakings(taken: list[tuple[int, float]], freed: list[float]) -> int:
    """Pairs (ticket, time of its slot) of which the later ticket took a slot, and the earlier one
    only after another slot was freed. Two that are free at once are taken in order, but which of
    the two processes tells of it first is chance.
    """
    ordered = [at for _, at in sorted(taken)]
    return sum(
        any(later < end < earlier for end in freed)
        for index, earlier in enumerate(ordered)
        for later in ordered[index + 1 :]
    )
