"""Prints the figures of what runs survive: kills of workers and of commands, damaged inputs, full
disks, a crowd in the queue, slots that change, and what the events cost.

    python tests/benchmarks/bench_survival.py [--quick] [--only kills,commands,inputs,...]

In full it takes some hours on two cores, `--quick` a few minutes: fewer kills and inputs, no crowd.
The exit code is 1 where anything was not survived. `tests/survival/soak.py` leaves the workbench
open for hours.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.survival import (
    crowd,
    damage,
    event_cost,
    full_disk,
    kill_commands,
    killing,
    slot_changes,
)


def kills(quick: bool) -> tuple[dict[str, Any], bool]:
    """Workers killed at random instants, resumed, and compared with undisturbed ones."""
    methods = "soda,pcril,prompthash,pghmh" if quick else ""
    tally = killing.figures(kills=12 if quick else 500, a_run=3 if quick else 10, methods=methods)
    return tally.as_dict(), not tally.wrong


def commands(quick: bool) -> tuple[dict[str, Any], bool]:
    """Commands, launchers and builders of one cache killed at random instants, and repeated."""
    tally = kill_commands.figures(each=1 if quick else 10)
    return dataclasses.asdict(tally), not tally.wrong


def inputs(quick: bool) -> tuple[dict[str, Any], bool]:
    """Damaged inputs by kind: read or refused, and how many were neither."""
    tally = damage.figures(count=300 if quick else 5000)
    return tally.as_dict(), not tally.wrong


def disk(quick: bool) -> tuple[dict[str, Any], bool]:
    """Disks that were full, and freed."""
    cases = full_disk.figures()
    return cases, all(case["resumed"] and case["identical"] for case in cases.values())


def waiting(quick: bool) -> tuple[dict[str, Any], bool]:
    """Many runs at once on two slots, undisturbed and with a quarter of the workers killed."""
    if quick:
        return {}, True
    figures, well = {}, True
    for deaths in (0, 6):
        with tempfile.TemporaryDirectory(prefix="hashbench-crowd-") as name:
            folder = Path(name)
            outcome = crowd.crowd(folder, folder / "data", each=8, launchers=3, kills=deaths)
        figures[f"{deaths} killed"] = dataclasses.asdict(outcome)
        well = well and outcome.finished == outcome.runs and not outcome.overtakings
        well = well and outcome.most_at_once <= 2
    return figures, well


def changing_slots(quick: bool) -> tuple[dict[str, Any], bool]:
    """Runs from many shells while the number of slots changes."""
    if quick:
        return {}, True
    with tempfile.TemporaryDirectory(prefix="hashbench-slots-") as name:
        folder = Path(name)
        outcome = slot_changes.slot_changes(folder, folder / "data", shells=8, each=5)
    return dataclasses.asdict(outcome), outcome.well


def events(quick: bool) -> tuple[dict[str, Any], bool]:
    """What writing events costs."""
    return event_cost.figures(), True


PROOFS: dict[str, Callable[[bool], tuple[dict[str, Any], bool]]] = {
    "kills": kills,
    "commands": commands,
    "inputs": inputs,
    "disk": disk,
    "crowd": waiting,
    "slots": changing_slots,
    "events": events,
}


def main() -> int:
    """Prints each proof's figures as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(PROOFS), help="proofs, separated by commas")
    given = parser.parse_args()
    well = True
    for name in given.only.split(","):
        figures, survived = PROOFS[name](given.quick)
        print(f"{name}: {'survived' if survived else 'NOT SURVIVED'}")
        print(json.dumps(figures, indent=1), flush=True)
        well = well and survived
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
