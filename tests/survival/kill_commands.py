"""Kills commands, launchers and workers at random instants, and repeats them.

    python tests/survival/kill_commands.py [--each 5] [--seed 0] [--only TEXT] [--to FILE]

Each command is run undisturbed first, for its output and its time. Then it is killed so often at a
random instant; after each kill its output must be absent, that of before, or whole. At last it is
repeated: it must succeed, give the undisturbed output, and leave no temporary file older than a
minute behind it (the clock of what was left is set back, so that nobody has to wait).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import psutil

from hashbench.files import atomic
from hashbench.plan.command import command_words
from hashbench.runs import layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from tests.survival.tiny_runs import BITS, now, request_of, spec_of
from tests.survival.worker_forks import PATIENCE, Forks

Words = tuple[object, ...]


@dataclass
class Tally:
    """What a campaign saw: kills by what was killed, how many left something, what was wrong."""

    kills: dict[str, int] = field(default_factory=dict)
    ended_before: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Scene:
    """Where a campaign plays: two finished runs and what commands make of them."""

    folder: Path
    forks: Forks
    rng: random.Random
    tally: Tally
    longest_run: float = 0.0

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def run_to_its_end(self, run: RunFolder, data: Path | None = None) -> bytes:
        """The codes of a run whose worker ends well."""
        code = self.forks.wait(self.forks.worker(run.path, data or self.data))
        if code != 0:
            raise SystemExit(f"{run.id} ends with {code}: {run.log.read_text()[-2000:]}")
        return (run.codes / f"{BITS}.npz").read_bytes()

    def call(self, words: Words) -> tuple[int | None, str, float]:
        """Exit code, output and seconds of a command."""
        self.log.unlink(missing_ok=True)
        began = time.monotonic()
        code = self.forks.wait(self.forks.command(*words, log=self.log))
        return code, self.log.read_text(), time.monotonic() - began

    def kill_within(self, name: str, pid: int, longest: float) -> bool:
        """Kills after a random time; whether it was still at work then."""
        if self.forks.wait(pid, self.rng.uniform(0.0, longest)) is not None:
            self.tally.ended_before[name] = self.tally.ended_before.get(name, 0) + 1
            return False
        os.kill(pid, signal.SIGKILL)
        self.forks.wait(pid)
        self.tally.kills[name] = self.tally.kills.get(name, 0) + 1
        return True


def digest(path: Path) -> str:
    """Of a file, or of all in a folder but what is being written; "" where there is nothing."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    parts = [f"{file.relative_to(path)} {digest(file)}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest() if parts else ""


def leftovers(*folders: Path) -> list[Path]:
    """Temporary files and folders of ours; their clock is set back by the way."""
    found = []
    for folder in folders:
        for pattern in (f".*{atomic.PART}", f"{layout.BUILDING}*", ".deleted-*", "hashbench-*"):
            found += list(folder.rglob(pattern))
    for path in found:
        os.utime(path, (1e9, 1e9))
    return found


def commands(scene: Scene) -> Iterator[tuple[str, Words, Path | None]]:
    """Name, words and output of each command that is tried; without output it only tells."""
    places: Words = ("--runs-dir", scene.runs)
    at_data: Words = ("--data-dir", scene.data)
    for name, file, words in (
        ("report", "report.html", ("report", "--no-figures")),
        ("bundle", "table.tar", ("bundle", "last")),
        ("export mat", "codes.mat", ("export", "last", "--to", "mat")),
        ("export npy", "npy", ("export", "last", "--to", "npy")),
        ("export csv", "curves.csv", ("export", "last", "--to", "csv")),
    ):
        output = scene.folder / "out" / file
        yield name, (*words, "-o", output, *places), output
    yield "verify", ("verify", "last", *at_data, *places), None
    yield "verify bundle", ("verify", scene.folder / "kept.tar", *at_data), None
    yield "datasets check", ("datasets", "check", "picturebook-tiny", *at_data), None


def killed_command(scene: Scene, name: str, words: Words, output: Path | None, each: int) -> None:
    """Kills a command so often, and repeats it."""
    fresh = scene.folder / "out"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    code, told, longest = scene.call(words)
    if code != 0:
        scene.tally.wrong.append(f"{name}: undisturbed it ends with {code}: {told[-500:]}")
        return
    whole = digest(output) if output is not None else ""
    for number in range(each):
        if number % 2:  # every other time there is nothing to replace
            shutil.rmtree(fresh)
            fresh.mkdir()
        pid = scene.forks.command(*words, log=scene.log)
        scene.kill_within(name, pid, longest)
        if output is not None and output.is_file() and digest(output) != whole:
            scene.tally.wrong.append(f"{name}: half of {output.name} is taken for whole")
        marked = output is not None and (output / str(BITS) / "about.json").is_file()
        if output is not None and marked and digest(output) != whole:
            scene.tally.wrong.append(f"{name}: {output.name} is marked as whole and is not")
    leftovers(fresh, scene.runs, Path(tempfile.gettempdir()))
    code, again, _ = scene.call(words)
    if code != 0 or (output is not None and digest(output) != whole):
        scene.tally.wrong.append(f"{name}: repeated, it ends with {code}: {again[-500:]}")
    if output is None and steady(again) != steady(told):
        scene.tally.wrong.append(f"{name}: repeated, it tells something else")
    left = leftovers(fresh, scene.runs, Path(tempfile.gettempdir()))
    if left:
        scene.tally.wrong.append(f"{name}: leaves {[path.name for path in left]}")


def steady(told: str) -> list[str]:
    """Lines of an output without those about time and progress."""
    return [line for line in told.splitlines() if " s" not in line and "%" not in line]


def killed_import(scene: Scene, codes: Path, each: int) -> None:
    """Imports that are killed leave no row, or a whole one."""
    runs = scene.folder / "imports"
    words: Words = ("import", codes, "--name", "Ours", "--like", layout.find(scene.runs)[0].path)
    words += ("--runs-dir", runs, "--data-dir", scene.data)
    code, told, longest = scene.call(words)
    if code != 0:
        scene.tally.wrong.append(f"import: undisturbed it ends with {code}: {told[-500:]}")
        return
    for _ in range(each):
        scene.kill_within("import", scene.forks.command(*words, log=scene.log), longest)
    leftovers(runs)
    code, told, _ = scene.call(words)
    if code != 0 or leftovers(runs):
        scene.tally.wrong.append(f"import: repeated, {code}, {leftovers(runs)}: {told[-500:]}")
    for run in layout.find(runs):
        if status(run).state is not Status.FINISHED:
            scene.tally.wrong.append(f"import: {run.id} is {status(run).state}")


def killed_cache(scene: Scene, expected: bytes, each: int) -> None:
    """Two workers build one cache at once; one, the other or both are killed; both runs go on."""
    for number in range(each):
        data = scene.folder / f"cold{number}"
        runs = [layout.create(scene.folder / "cold", spec_of("soda"), now()) for _ in range(2)]
        pids = [scene.forks.worker(run.path, data) for run in runs]
        doomed = pids if number % 3 == 2 else [pids[number % 3]]
        for pid in doomed:
            scene.kill_within("cache of two", pid, scene.longest_run)
        for run, pid in zip(runs, pids, strict=True):
            if pid not in doomed:
                scene.forks.wait(pid)
            if status(run).state is not Status.FINISHED:
                scene.run_to_its_end(run, data)
            if (run.codes / f"{BITS}.npz").read_bytes() != expected:
                scene.tally.wrong.append("cache of two: the codes differ")
        left = [path.name for path in (data / "cache").rglob(f".*{atomic.PART}")]
        if left:
            scene.tally.wrong.append(f"cache of two: leaves {left}")


def killed_launcher(scene: Scene, each: int) -> None:
    """`hashbench run`, `resume`, `retry` are killed as they watch, alone or with their worker."""
    runs, undisturbed = scene.folder / "launched", scene.folder / "undisturbed"
    at_data: Words = ("--data-dir", scene.data)
    places: Words = ("--runs-dir", runs, *at_data)
    launch: Words = tuple(command_words(request_of("soda"))[1:])
    scene.call((*launch, "--runs-dir", undisturbed, *at_data))
    expected = (layout.find(undisturbed)[0].codes / f"{BITS}.npz").read_bytes()
    for number in range(each):
        words: Words = (*launch, *places)
        if number % 3 == 2 and (interrupted := resumable(runs)):
            words = (("resume", "retry")[number % 2], interrupted[0].id, *places)
        pid = scene.forks.command(*words, log=scene.log)
        launched = psutil.Process(pid)
        time.sleep(scene.rng.uniform(0.0, 3 * scene.longest_run))
        workers = launched.children() if launched.is_running() else []
        scene.kill_within("launcher", pid, 0.0)
        if number % 2:
            for worker in workers:
                scene.tally.kills["launcher and worker"] = (
                    scene.tally.kills.get("launcher and worker", 0) + 1
                )
                worker.kill()
        else:
            psutil.wait_procs(workers, timeout=PATIENCE)
    for run in resumable(runs):
        code, told, _ = scene.call(("resume", run.id, *places))
        if code != 0:
            scene.tally.wrong.append(f"launcher: resume ends with {code}: {told[-500:]}")
    for run in layout.find(runs):
        if status(run).state is not Status.FINISHED:
            scene.tally.wrong.append(f"launcher: {run.id} is {status(run).state}")
        elif (run.codes / f"{BITS}.npz").read_bytes() != expected:
            scene.tally.wrong.append(f"launcher: {run.id} has other codes")
        if list(run.path.rglob(f".*{atomic.PART}")):
            scene.tally.wrong.append(f"launcher: {run.id} keeps temporary files")


def resumable(runs: Path) -> list[RunFolder]:
    """Runs that wait for a worker."""
    return [run for run in layout.find(runs) if status(run).state in (Status.LOST, Status.QUEUED)]


def figures(each: int = 5, seed: int = 0, only: str = "", to: Path | None = None) -> Tally:
    """Kills each thing so often; what was seen."""
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hashbench-killed-") as name:
        tempfile.tempdir = os.environ["TMPDIR"] = str(Path(name) / "tmp")
        Path(tempfile.tempdir).mkdir()
        forks = Forks()
        scene = Scene(Path(name), forks, random.Random(seed), tally)
        try:
            for _ in range(2):  # the second for the clock, with cached features
                run, since = layout.create(scene.runs, spec_of("soda"), now()), time.monotonic()
                expected = scene.run_to_its_end(run)
                scene.longest_run = time.monotonic() - since
            kept = scene.folder / "kept.tar"
            scene.call(("bundle", "last", "-o", kept, "--runs-dir", scene.runs))
            steps: dict[str, Callable[[], None]] = {
                command: partial(killed_command, scene, command, words, output, each)
                for command, words, output in commands(scene)
            }
            steps["import"] = partial(killed_import, scene, run.codes, each)
            steps["cache of two"] = partial(killed_cache, scene, expected, each)
            steps["launcher"] = partial(killed_launcher, scene, each)
            for step, play in steps.items():
                if only in step:
                    play()
                tally.seconds = round(time.monotonic() - began, 1)
                if to is not None:
                    to.write_text(json.dumps(asdict(tally), indent=1) + "\n")
        finally:
            forks.close()
    return tally


def main() -> int:
    """Prints the figures as JSON; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="what has this in its name")
    parser.add_argument("--to", type=Path, help="a file for the figures so far")
    given = parser.parse_args()
    tally = figures(given.each, given.seed, given.only, given.to)
    sys.stdout.write(json.dumps(asdict(tally), indent=1) + "\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
