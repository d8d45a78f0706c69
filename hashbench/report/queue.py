"""Who trains on which device slot of this host, and who waits, in turn."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.report.text import duration, plain
from hashbench.runs import queue, state
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.tailer import read_all


def overview(runs_dir: Path) -> dict[str, Any]:
    """Slots and waiting runs as plain values. Raises InputError for a damaged file of slots."""
    line = queue.of(runs_dir)
    return {
        "runs dir": str(runs_dir),
        "slots": [
            {"slot": place.name, "device": place.device, "run": run_id}
            | ({} if run_id is None else _progress(runs_dir / run_id))
            for place, run_id in line.slots()
        ],
        "waiting": [
            {
                "place": place,
                "run": entry.run_id,
                "priority": entry.priority,
                "device": entry.ticket.device,
                "paused": entry.ticket.held,
                "since": _queued_at(runs_dir / entry.run_id),
            }
            for place, entry in enumerate(line.waiting(), start=1)
        ],
    }


def render(found: dict[str, Any]) -> RenderableType:
    """`overview` for a terminal."""
    table = Table(box=None, pad_edge=False)
    for header in ("slot", "run", "done", "left"):
        table.add_column(header, overflow="fold", justify="right" if header == "left" else "left")
    for slot in found["slots"]:
        done, left = slot.get("done"), slot.get("seconds left")
        table.add_row(
            slot["slot"],
            plain(slot["run"] or "free"),
            "" if done is None else f"{done:.0%}",
            "" if left is None else duration(left),
        )
    if not found["waiting"]:
        nobody = "nobody waits; `hashbench run --queue` makes a run wait"
        return Group(table, Text(), Text(nobody))
    waiting = Table(box=None, pad_edge=False)
    for header in ("place", "waiting", "priority", "for", "since"):
        waiting.add_column(header, overflow="fold")
    for entry in found["waiting"]:
        since = entry["since"]
        waiting.add_row(
            str(entry["place"]),
            plain(entry["run"]) + (" (paused)" if entry["paused"] else ""),
            str(entry["priority"]),
            plain(entry["device"]),
            "" if since is None else duration(time.time() - since),
        )
    return Group(table, Text(), waiting)


def _progress(run: Path) -> dict[str, Any]:
    folded = _state(run)
    return {
        "done": folded.steps_done / folded.steps_total if folded.steps_total else None,
        "seconds left": folded.seconds_left(),
    }


def _queued_at(run: Path) -> float | None:
    queued = _state(run).queued
    return None if queued is None else queued.t


def _state(run: Path) -> RunState:
    return state.fold(read_all(RunFolder(run).events))
