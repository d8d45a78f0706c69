"""Prints the figures of claims: how many were made on a disk without locks, by how many processes,
with how many violations, and what a lock costs on a local disk.

    python tests/benchmarks/bench_claims.py [--quick] [--rounds N] [--only cost,control,crowd]
    python tests/benchmarks/bench_claims.py --only crowd --disks /mnt/a /mnt/b

The second line locks on a real network disk that is mounted twice. In full it takes about 20
minutes, `--quick` a minute. The exit code is 1 where two processes held one lock, or one waited
forever. `control` is a crowd with `flock`, which must have violations on such a disk.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hashbench.files import locks
from tests.files import claim_crowd

RUNS = 1000


def cost(quick: bool, rounds: int, disks: list[Path]) -> tuple[dict[str, float], bool]:
    """CPU microseconds of a call, the least of some passes over a thousand run folders."""
    del rounds, disks
    figures = {}
    for way in ("flock", "lease"):
        os.environ[locks.VARIABLE] = way
        with tempfile.TemporaryDirectory(prefix="hashbench-claims-") as name:
            paths = [Path(name) / f"run{n}.lock" for n in range(RUNS // (10 if quick else 1))]
            for path in paths:
                path.touch()

            def take_and_close(path: Path) -> None:
                lock = locks.take(path)
                if lock is None:
                    raise RuntimeError("a free lock is not free")
                lock.check()
                lock.close()

            calls: dict[str, Callable[[Path], object]] = {
                "is_held, free": locks.is_held,
                "take, check, close": take_and_close,
            }
            for title, call in calls.items():
                figures[f"{way}: {title}"] = least(call, paths)
            held = [lock for path in paths if (lock := locks.take(path))]
            figures[f"{way}: is_held, held"] = least(locks.is_held, paths)
            figures[f"{way}: check"] = least(lambda lock: lock.check(), held)
            for lock in held:
                lock.close()
    del os.environ[locks.VARIABLE]
    return figures, True


def least(call: Callable[[Any], object], arguments: list[Any]) -> float:
    """CPU microseconds of one call, the least of several passes."""
    best = float("inf")
    for _ in range(9):
        began = time.process_time()
        for argument in arguments:
            call(argument)
        best = min(best, time.process_time() - began)
    return round(best / len(arguments) * 1e6, 2)


def control(quick: bool, rounds: int, disks: list[Path]) -> tuple[dict[str, float], bool]:
    """File locks on a disk where they exclude nobody: what the crowd is able to see."""
    del rounds
    with tempfile.TemporaryDirectory(prefix="hashbench-claims-") as name:
        seconds = 2.0 if quick else 10.0
        tally = claim_crowd.crowd(Path(name), 10, seconds, trust_flock=True, disks=disks)
    return tally.as_dict(), tally.violations > 0


def crowd(quick: bool, rounds: int, disks: list[Path]) -> tuple[dict[str, float], bool]:
    """Fifty processes at one lock, holders killed in between, round after round."""
    totals: dict[str, float] = {}
    for number in range(1 if quick else rounds):
        with tempfile.TemporaryDirectory(prefix="hashbench-claims-") as name:
            seconds, kills = (20.0, 2) if quick else (60.0, 6)
            tally = claim_crowd.crowd(Path(name), 50, seconds, kills=kills, disks=disks)
        for key, value in tally.as_dict().items():
            worst = key in ("processes", "longest_gap")
            totals[key] = max(totals.get(key, 0), value) if worst else totals.get(key, 0) + value
        print(f"  round {number + 1}: {json.dumps(tally.as_dict())}", flush=True)
    return totals, not totals["violations"] and not totals["silent"]


PROOFS = {"cost": cost, "control": control, "crowd": crowd}


def main() -> int:
    """Prints each proof's figures as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=15, help="of the crowd, a minute each")
    parser.add_argument("--only", default=",".join(PROOFS), help="proofs, separated by commas")
    parser.add_argument(
        "--disks", type=Path, nargs="*", default=[], help="mounts of one network disk to lock on"
    )
    given = parser.parse_args()
    well = True
    for name in given.only.split(","):
        figures, passed = PROOFS[name](given.quick, given.rounds, given.disks)
        well = well and passed
        print(f"{name}: {json.dumps(figures)}{'' if passed else '  FAILED'}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
