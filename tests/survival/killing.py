"""Kills workers at random instants, resumes them, and compares what is left with undisturbed runs.

    python tests/survival/killing.py [--kills 200] [--a-run 10] [--seed 0] [--to FILE]

Workers are forked from a process that has imported all they need, so that a kill meets work and
not imports; each is a process with its own lock, log and heartbeat, as any worker is. Half of the
runs save a checkpoint at every epoch's end, the others at the usual times; the first run of each
method computes its features itself. The kills go evenly over all methods that are built in. `--to`
keeps the figures so far in a file, for a campaign that is watched, or ended early.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.backbones.openclip_import import open_clip
from hashbench.engine import checkpoint, trainer
from hashbench.engine.__main__ import main as main_of_worker
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.runs import layout, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status, fold
from hashbench.runs.status import status, status_of
from hashbench.runs.tailer import Tailer
from tests.survival.tiny_runs import BITS, now, spec_of

PATIENCE = 1800.0  # a machine that others use is slow at times


@dataclass
class Tally:
    """What a campaign saw."""

    kills: int = 0
    runs: int = 0
    starts: int = 0
    by_method: Counter[str] = field(default_factory=Counter)
    killed_in: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """As plain values."""
        return {**vars(self), "by_method": dict(self.by_method), "killed_in": dict(self.killed_in)}


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run leaves, and how long it takes."""

    codes: bytes
    scores: dict[str, dict[str, dict[str, float]]]
    seconds: float


def fork_worker(
    run: RunFolder,
    data_dir: Path,
    save_seconds: float | None,
    prepare: Callable[[], object] = lambda: None,
) -> int:
    """The pid of a new worker of a run, which saves so often; its output goes to the run's log."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        log = os.open(run.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if save_seconds is not None:
            trainer.SAVE_SECONDS = save_seconds
        sys.argv = ["worker", str(run.path), "--data-dir", str(data_dir)]
        prepare()
        code = main_of_worker()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def wait(pid: int, seconds: float) -> int | None:
    """The exit code of a child once it has ended, or None after that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def undisturbed(method: str, folder: Path, data_dir: Path) -> Reference:
    """Runs a method twice, the first time for its features, the second for the clock."""
    for _ in range(2):
        run = layout.create(folder / "undisturbed", spec_of(method), now())
        began = time.monotonic()
        code = wait(fork_worker(run, data_dir, None), PATIENCE)
        if code != 0:
            raise SystemExit(f"{method} fails undisturbed: {code}\n{run.log.read_text()[-3000:]}")
    outcome = result.read(run.result)
    codes = (run.codes / f"{BITS}.npz").read_bytes()
    return Reference(codes, outcome.scores, time.monotonic() - began)


def examine(run: RunFolder, reference: Reference, killed: int) -> list[str]:
    """What is wrong with a run whose worker is dead: nothing half-done may look done."""
    wrong = []
    tailer = Tailer(run.events)
    logged = []
    while fresh := tailer.poll():
        logged += fresh
    numbers = [event.seq for event in logged]
    if numbers != sorted(set(numbers)):
        wrong.append("events are not numbered upwards")
    if tailer.skipped > killed:
        wrong.append(f"{tailer.skipped} lines are torn after {killed} kills")
    state = status_of(run, fold(logged)).state
    if state not in (Status.QUEUED, Status.LOST, Status.FINISHED):
        wrong.append(f"is {state}")
    if state is Status.FINISHED and not run.result.is_file():
        wrong.append("is finished without a result")
    codes = run.codes / f"{BITS}.npz"
    if codes.is_file() and codes.read_bytes() != reference.codes:
        wrong.append("its codes differ")
    if run.result.is_file():
        if result.read(run.result).scores != reference.scores:
            wrong.append("its scores differ")
        if not codes.is_file():
            wrong.append("has a result without codes")
    spec = specs.read(run.spec)
    saved = checkpoint.load(run, spec.hash)
    if saved is None and any(event.__class__.__name__ == "Saved" for event in logged):
        wrong.append("said that it saved a checkpoint that is not there")
    return wrong


def where_killed(run: RunFolder) -> str:
    """What the worker was doing, for the figures."""
    tailer = Tailer(run.events)
    last = "before its first word"
    while fresh := tailer.poll():
        for event in fresh:
            name = type(event).__name__
            if name == "Progress":
                last = "features"
            elif name == "Started":
                last = "loading"
            elif name in ("StageBegan", "Loss", "EpochEnded", "Scores", "Monitors", "Saved"):
                last = "training and scoring"
    return last


def one_run(
    method: str,
    folder: Path,
    data_dir: Path,
    reference: Reference,
    kills: int,
    rng: random.Random,
    tally: Tally,
    longest: float,
    save_seconds: float | None,
) -> None:
    """Kills one run up to `kills` times, lets it end, and examines it after each time."""
    run = layout.create(folder / "runs", spec_of(method), now())
    tally.runs += 1
    killed = 0
    while True:
        tally.starts += 1
        pid = fork_worker(run, data_dir, save_seconds)
        patience = rng.uniform(0.0, longest) if killed < kills else PATIENCE
        code = wait(pid, patience)
        if code is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            if killed >= kills:
                tally.wrong.append(f"{run.id}: did not end within {PATIENCE:.0f} s")
                return
            killed += 1
            tally.kills += 1
            tally.by_method[method] += 1
            tally.killed_in[where_killed(run)] += 1
        tally.wrong += [f"{run.id}: {problem}" for problem in examine(run, reference, killed)]
        over = status(run).state is Status.FINISHED
        if code is not None and code != 0:
            tally.wrong.append(f"{run.id}: exit code {code}: {run.log.read_text()[-500:]}")
            return
        if over:
            break
    if not (run.codes / f"{BITS}.npz").is_file() or not run.result.is_file():
        tally.wrong.append(f"{run.id}: ended without codes or result")
    left = [str(path) for path in run.path.rglob(".*")]
    if left:
        tally.wrong.append(f"{run.id}: leftovers {left}")


def figures(
    kills: int = 200, a_run: int = 10, seed: int = 0, methods: str = "", to: Path | None = None
) -> Tally:
    """Kills until there were so many, evenly over all methods; what was seen."""
    open_clip()
    importlib.import_module("hashbench.engine.pipeline")
    rng = random.Random(seed)
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hashbench-kills-") as name:
        folder = Path(name)
        warm = folder / "data"
        chosen = methods.split(",") if methods else sorted(catalog.built_in_methods())
        references: dict[str, Reference] = {}
        number = 0
        while tally.kills < kills:
            first = number < len(chosen)
            method = chosen[number] if first else min(chosen, key=lambda one: tally.by_method[one])
            if method not in references:
                references[method] = undisturbed(method, folder, warm)
            reference = references[method]
            one_run(
                method,
                folder,
                folder / f"data-{method}" if first else warm,
                reference,
                min(a_run, kills - tally.kills),
                rng,
                tally,
                reference.seconds * (2.0 if first else 1.0),
                0.0 if number // len(chosen) % 2 else None,
            )
            number += 1
            if to is not None:
                tally.seconds = round(time.monotonic() - began, 1)
                to.write_text(json.dumps(tally.as_dict(), indent=1) + "\n")
    tally.seconds = round(time.monotonic() - began, 1)
    return tally


def main() -> int:
    """Prints the figures as JSON; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--a-run", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", default="", help="separated by commas; all without it")
    parser.add_argument("--to", type=Path, help="a file for the figures so far")
    given = parser.parse_args()
    tally = figures(given.kills, given.a_run, given.seed, given.methods, given.to)
    sys.stdout.write(json.dumps(tally.as_dict(), indent=1) + "\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
