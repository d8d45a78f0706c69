"""Feeds damaged files to every reader that people reach, and tells what came of it. A tenth are no
files: folders, pipes, devices, links that lead nowhere or to themselves.

    python tests/survival/damage.py [--count 5000] [--seed 0] [--only TEXT]

Each input must be read or refused with an error of ours: no other exception, no crash, no more
than 10 seconds (of the processor, where a machine is busy), no more than 2 GB of further memory,
nothing written outside the data and runs folders, nothing that steers a terminal on the screen.
Children do the reading, so that what ends one is seen from outside.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError
from hashbench.files.os_errors import MEANINGS, limit_reached
from tests.survival import inputs, mutating
from tests.survival.kinds import Kind

SECONDS = 10.0
MEMORY = 2 << 30
STRANGE_SHARE = 0.1
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod")
RELATIVE = ("os.mkdir", "os.remove", "os.rmdir")  # their last value may be an open folder
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "pickle.find_class", "socket.connect")


@dataclass
class Tally:
    """What a campaign saw: outcomes by kind, and every input that was not survived."""

    inputs: int = 0
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """As plain values."""
        return {**vars(self), "kinds": {name: dict(count) for name, count in self.kinds.items()}}


class Fence:
    """Notices writing outside some folders, and whatever no reader has to do."""

    def __init__(self, allowed: list[Path]) -> None:
        self.allowed = tuple(str(path) + os.sep for path in allowed)
        self.seen: list[str] = []
        self.closed = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, values: tuple[Any, ...]) -> None:
        if not self.closed:
            return
        if event == "open":
            path, _, flags = values
            if isinstance(flags, int) and flags & WRITING:
                self._look(event, path)
        elif event in CHANGING:
            for path in values[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
                self._look(event, path, values[-1] if event in RELATIVE else -1)
        elif event in FORBIDDEN:
            self.seen.append(f"{event} {values!r}"[:200])

    def _look(self, event: str, path: Any, folder: int = -1) -> None:
        """Notes a path outside, which may be relative to an open folder."""
        if isinstance(path, int):
            return
        base = os.readlink(f"/proc/self/fd/{folder}") if folder != -1 else "."  # noqa: PTH115
        within = os.path.join(base, os.fsdecode(path))  # noqa: PTH118
        full = os.path.abspath(within)  # noqa: PTH100 # links are not followed
        if full != os.devnull and not full.startswith(self.allowed):
            self.seen.append(f"{event} {full}")


def outcome(kind: Kind, fence: Fence) -> str:
    """`read`, `refused`, or what went wrong."""
    fence.seen.clear()
    fence.closed = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            kind.read()
        verdict = "read"
    except HashbenchError as error:
        verdict = "refused" if str(error).strip() else "an error without words"
    except OSError as error:  # the command line puts these into words
        verdict = "refused" if error.errno in MEANINGS else repr(error)
    except BaseException as error:  # whatever it is, it is what is looked for
        # what needs more memory than there is gets a message, as from the command line
        lines = traceback.format_exception(error)[-6:]
        verdict = "refused" if limit_reached(error) else "".join(lines)[-1500:]
    finally:
        fence.closed = False
    return f"outside: {fence.seen[0]}" if fence.seen else verdict


def child(kind: Kind, first: int, count: int, seed: int, folder: Path, out: int) -> None:
    """Reads inputs one by one, telling each before and after."""
    fence = Fence([folder])
    limit = _address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    whole = kind.path.read_bytes()
    for number in range(first, first + count):
        rng = random.Random(f"{seed} {kind.name} {number}")
        damage_file(kind, whole, rng)
        os.write(out, json.dumps([number, ""]).encode() + b"\n")
        os.write(out, json.dumps([number, outcome(kind, fence)]).encode() + b"\n")


def damage_file(kind: Kind, whole: bytes, rng: random.Random) -> None:
    """Puts something else in the place of a whole file: mostly its bytes, damaged; in every
    tenth case what is no file at all.
    """
    clear(kind.path)
    if rng.random() < STRANGE_SHARE:
        rng.choice(mutating.STRANGE)(kind.path)
    else:
        kind.path.write_bytes(kind.change(whole, rng))


def clear(path: Path) -> None:
    """Removes a file or whatever took its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _address_space() -> int:
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def feed(kind: Kind, count: int, seed: int, folder: Path, tally: Tally) -> None:
    """Feeds so many damaged files of a kind, in as many children as it takes."""
    whole = kind.path.read_bytes()
    counts = tally.kinds.setdefault(kind.name, Counter())
    next_one = 0
    while next_one < count:
        reading, writing = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            os.close(reading)
            code = 1
            try:
                child(kind, next_one, count - next_one, seed, folder, writing)
                code = 0
            finally:
                os._exit(code)
        os.close(writing)
        next_one = _listen(kind, pid, reading, next_one, counts, tally)
        clear(kind.path)
        kind.path.write_bytes(whole)


def _listen(
    kind: Kind, pid: int, reading: int, next_one: int, counts: Counter[str], tally: Tally
) -> int:
    """Takes down what a child tells until it ends; the number of the next input."""
    rest, began, under_way = b"", time.monotonic(), None
    problem, used_before = "", 0.0
    with os.fdopen(reading, "rb", buffering=0) as stream:
        while True:
            ready, _, _ = select.select([stream], [], [], max(0.5, began + SECONDS - _now()))
            if not ready:
                state, used = _work_of(pid)
                if state in "RD" and used - used_before < SECONDS:
                    continue  # a busy machine has not given it its time yet
                os.kill(pid, signal.SIGKILL)
                problem = f"takes more than {SECONDS:.0f} s"
                break
            fresh = stream.read(1 << 16)
            if not fresh:
                break
            *lines, rest = (rest + fresh).split(b"\n")
            for line in lines:
                number, verdict = json.loads(line)
                if not verdict:
                    under_way, began = number, _now()
                    _, used_before = _work_of(pid)
                    continue
                tally.slowest = max(tally.slowest, round(_now() - began, 2))
                under_way, next_one, began = None, number + 1, _now()
                _note(kind, number, verdict, counts, tally)
    _, status = os.waitpid(pid, 0)
    if under_way is not None:
        _note(kind, under_way, problem or f"ends the process ({status})", counts, tally)
        return under_way + 1
    if status and not problem:
        raise SystemExit(f"{kind.name}: a child failed beside its inputs")
    return next_one


def _work_of(pid: int) -> tuple[str, float]:
    """The state of a process, a letter, and the processor seconds that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _now() -> float:
    return time.monotonic()


def _note(kind: Kind, number: int, verdict: str, counts: Counter[str], tally: Tally) -> None:
    tally.inputs += 1
    if verdict in ("read", "refused"):
        counts[verdict] += 1
    else:
        counts["wrong"] += 1
        tally.wrong.append(f"{kind.name} #{number}: {verdict}")


def figures(count: int = 5000, seed: int = 0, only: str = "") -> Tally:
    """Feeds `count` inputs, shared evenly among the kinds; what was seen."""
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hashbench-damage-") as name:
        folder = Path(name).resolve()
        tempfile.tempdir = str(folder / "tmp")  # where bundles are unpacked
        (folder / "tmp").mkdir()
        kinds = inputs.make(folder / "data", folder / "runs")
        kinds = [kind for kind in kinds if any(part in kind.name for part in only.split(","))]
        for kind in kinds:  # what is whole must be read, or the rest means nothing
            kind.read()
        for index, kind in enumerate(kinds):
            share = count * (index + 1) // len(kinds) - count * index // len(kinds)
            feed(kind, share, seed, folder, tally)
    tally.seconds = round(time.monotonic() - began, 1)
    return tally


def main() -> int:
    """Prints the figures as JSON; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds whose name holds one of these")
    given = parser.parse_args()
    tally = figures(given.count, given.seed, given.only)
    sys.stdout.write(json.dumps(tally.as_dict(), indent=1) + "\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
