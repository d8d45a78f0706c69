"""Times the built-in main job with its parts: features computed anew, then cached.

    python tests/benchmarks/bench_main_job.py [--method soda] [--bits 32]

Parts come from the run's own events: start of the process and imports, features, training,
scoring.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hashbench.runs import events
from hashbench.runs.tailer import read_all


def measure(method: str, bits: str, folder: Path, attempt: str) -> dict[str, float]:
    """Seconds of each part of one `hashbench run`."""
    began = time.time()
    subprocess.run(
        [sys.executable, "-m", "hashbench", "run", "--method", method, "--bits", bits, "--json"],
        env={
            **os.environ,
            "HASHBENCH_DATA": str(folder / "data"),
            "HASHBENCH_RUNS": str(folder / attempt),
        },
        stdout=subprocess.DEVNULL,
        check=True,
    )
    ended = time.time()
    (log,) = (folder / attempt).glob("*/events.jsonl")
    logged = read_all(log)
    times = {type(event): event.t for event in reversed(logged)}
    last_epoch = max(e.t for e in logged if isinstance(e, events.EpochEnded | events.StageBegan))
    return {
        "start and imports": times[events.Started] - began,
        "features": times[events.Planned] - times[events.Started],
        "training": last_epoch - times[events.Planned],
        "scoring and audit": logged[-1].t - last_epoch,
        "end": ended - logged[-1].t,
        "total": ended - began,
    }


def main() -> None:
    """Prints both runs beside each other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="soda")
    parser.add_argument("--bits", default="32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures = {
            attempt: measure(arguments.method, arguments.bits, Path(name), attempt)
            for attempt in ("features anew", "features cached")
        }
    print(f"{os.cpu_count()} cores, seconds")
    for part in next(iter(figures.values())):
        print(f"{part:<20}" + "".join(f"{parts[part]:>18.2f}" for parts in figures.values()))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
