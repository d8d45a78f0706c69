"""Many processes that claim one lock at once, on a disk whose `flock` excludes nobody.

    python tests/files/claim_crowd.py LOCK TRUTH SECONDS [--host NAME] [--trust-flock]

Each process is a host of its own: `flock` of the package always succeeds there, as it does on NFS
mounted with `nolock`, its host name differs, and so does its clock, by hours. Whoever holds the
lock takes the true lock TRUTH of the kernel, which it cannot get where another holder is, and
prints a line: `held`, or `violation`. The kernel releases TRUTH when a holder is killed.
"""

from __future__ import annotations

import argparse
import fcntl
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.errors import ClaimLostError
from hashbench.files import batons, leases, locks, process_marks

LEASE_SECONDS = 4.0
RENEW_SECONDS = 0.4


def on_a_lock_free_disk(host: str, lease: float, renew: float) -> None:
    """Makes this process one of another host, whose disk's `flock` excludes nobody."""
    true_time, hours = time.time, random.uniform(-9, 9)
    locks.fcntl.flock = lambda *_: None  # type: ignore[attr-defined]
    time.time = lambda: true_time() + hours * 3600
    process_marks.hostname = lambda: host
    process_marks.pid_space = lambda: host  # so that nobody sees from a pid whether another lives
    batons.LEASE_SECONDS, leases.RENEW_SECONDS = lease, renew


def say(line: str) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Claims the lock again and again for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--lease", type=float, default=LEASE_SECONDS)
    parser.add_argument("--renew", type=float, default=RENEW_SECONDS)
    parser.add_argument("--host", default="a")
    parser.add_argument("--trust-flock", action="store_true")
    given = parser.parse_args()
    flock = fcntl.flock
    on_a_lock_free_disk(given.host, given.lease, given.renew)
    os.environ[locks.VARIABLE] = "flock" if given.trust_flock else "lease"
    truth = os.open(given.truth, os.O_RDWR | os.O_CREAT)
    say("ready")
    sys.stdin.readline()
    until = time.monotonic() + given.seconds
    while time.monotonic() < until:
        with locks.held(given.lock, max(0.0, until - time.monotonic())) as lock:
            if lock is None:
                break
            try:
                lock.check()
            except ClaimLostError:
                say("lost")
                continue
            try:
                flock(truth, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("violation")
                time.sleep(0.01)
                continue
            say("held")
            if random.random() < 0.1:
                say("long")  # here a holder is killed
                time.sleep(1.0)
            time.sleep(random.uniform(0, 0.01))
            flock(truth, fcntl.LOCK_UN)
        time.sleep(random.uniform(0, 0.01))
    say("end")


@dataclass
class Tally:
    """What a crowd did."""

    processes: int = 0
    claims: int = 0
    violations: int = 0
    lost: int = 0
    killed_holding: int = 0
    silent: int = 0
    longest_gap: float = 0.0
    lines: list[tuple[float, str]] = field(default_factory=list, repr=False)

    def as_dict(self) -> dict[str, float]:
        """The figures, for people and programs."""
        shown = {name: value for name, value in vars(self).items() if name != "lines"}
        return {name: round(value, 2) for name, value in shown.items()}


def crowd(
    folder: Path,
    processes: int,
    seconds: float,
    *,
    kills: int = 0,
    lease: float = LEASE_SECONDS,
    trust_flock: bool = False,
    disks: Sequence[Path] = (),
) -> Tally:
    """So many processes at one lock; holders are killed in between, so often.

    `disks` are mounts of one network disk, which the processes use in turn for the lock.
    `silent` counts processes that neither were killed nor came to their end.
    """
    tally = Tally(processes=processes)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    locked = [str(disk / "l.lock") for disk in disks or [folder]]
    command = [str(folder / "truth"), str(seconds), f"--lease={lease}", f"--renew={lease / 10}"]
    command += ["--trust-flock"] if trust_flock else []
    started = [
        subprocess.Popen(
            [sys.executable, __file__, locked[number % len(locked)], *command, f"--host=h{number}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for number in range(processes)
    ]  # fmt: skip
    lock, ended, due = threading.Lock(), set[int](), [0]

    def follow(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with lock:
                tally.lines.append((time.monotonic(), line.strip()))
                if line == "end\n":
                    ended.add(process.pid)
                if line == "long\n" and due[0]:
                    due[0] -= 1
                    process.send_signal(signal.SIGKILL)
                    ended.add(process.pid)
                    tally.killed_holding += 1

    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    followers = [threading.Thread(target=follow, args=[process]) for process in started]
    began = time.monotonic()
    for process, follower in zip(started, followers, strict=True):
        follower.start()
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
    for number in range(kills):
        time.sleep(max(0.0, began + (number + 0.5) * seconds / (kills + 1) - time.monotonic()))
        with lock:
            due[0] += 1
    for follower in followers:
        follower.join()
    for process in started:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    said = [line for _, line in tally.lines]
    tally.claims, tally.violations = said.count("held"), said.count("violation")
    tally.lost, tally.silent = said.count("lost"), processes - len(ended)
    times = sorted(at for at, line in tally.lines if line in ("held", "violation"))
    tally.longest_gap = max((b - a for a, b in itertools.pairwise(times)), default=0.0)
    return tally


if __name__ == "__main__":
    main()
