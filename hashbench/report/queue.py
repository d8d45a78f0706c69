"""Who trains on which device slot of this host, who waits, in turn, and the jobs of clusters."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.clusters.base import JobState
from hashbench.errors import DamagedFileError
from hashbench.plan import spec as specs
from hashbench.report.naming import variant_name
from hashbench.report.text import duration, plain
from hashbench.runs import job, queue
from hashbench.runs.layout import RunFolder, find
from hashbench.runs.state import Status
from hashbench.runs.status import status


def overview(runs_dir: Path) -> dict[str, Any]:
    """Slots and waiting runs as plain values. Raises InputError for a damaged file of slots."""
    line = queue.of(runs_dir)
    slots, waiting = line.slots(), line.waiting()
    training = [run_id for _, run_id in slots if run_id is not None]
    variants = _variants(runs_dir, [*training, *(entry.run_id for entry in waiting)])
    positions = {entry.run_id: place for place, entry in enumerate(waiting, start=1)}
    return {
        "runs dir": str(runs_dir),
        "slots": [
            {"slot": place.name, "device": place.device, "run": run_id}
            | ({} if run_id is None else _occupant(runs_dir / run_id, variants, positions))
            for place, run_id in slots
        ],
        "waiting": [
            {
                "place": positions[entry.run_id],
                "run": entry.run_id,
                "variant": variants.get(entry.run_id, ""),
                "priority": entry.priority,
                "device": entry.ticket.device,
                "paused": entry.ticket.held,
                "since": _queued_at(runs_dir / entry.run_id, positions),
            }
            for entry in waiting
        ],
        "jobs": _jobs(runs_dir),
    }


def _jobs(runs_dir: Path) -> list[dict[str, Any]]:
    """The runs of a folder that a cluster's job works at or shall, on whatever host."""
    rows = []
    for run in find(runs_dir):
        if job.read(run) is None:
            continue
        current = status(run, {})
        view = job.view(run) if current.job_lives else None
        if view is not None:
            row: dict[str, Any] = {"run": run.id, "cluster": view.title, "job": view.job.id}
            row |= {"user": view.job.user, "scheduler state": str(view.state or "unknown")}
            row |= {"state": str(current.state), "doing": current.doing, "done": current.done}
            rows.append(row | {"reason": view.reason, "seconds left": current.seconds_left})
    variants = _variants(runs_dir, [row["run"] for row in rows])
    return [row | {"variant": variants.get(row["run"], "")} for row in rows]


def _variants(runs_dir: Path, run_ids: Iterable[str]) -> dict[str, str]:
    """Run id -> what is not usual about the run, which its id need not hold; empty where all runs
    are alike. Runs whose spec cannot be read have none.
    """
    variants = {}
    for run_id in run_ids:
        try:
            variants[run_id] = variant_name(specs.read(runs_dir / run_id / "spec.toml"))
        except DamagedFileError:
            continue
    return variants if len(set(variants.values())) > 1 else {}


def _occupant(path: Path, variants: dict[str, str], positions: dict[str, int]) -> dict[str, Any]:
    current = status(RunFolder(path), positions)
    return {
        "variant": variants.get(path.name, ""),
        "state": str(current.state),
        "doing": current.doing,
        "done": current.done,
        "seconds left": current.seconds_left,
    }


def _queued_at(path: Path, positions: dict[str, int]) -> float | None:
    worker = status(RunFolder(path), positions).worker
    return None if worker is None else worker.t


def render(page: dict[str, Any]) -> RenderableType:
    """`overview` for a terminal."""
    table = Table(box=None, pad_edge=False)
    for header in ("slot", "run", "done", "left"):
        table.add_column(header, overflow="fold", justify="right" if header == "left" else "left")
    for slot in page["slots"]:
        done, left = slot.get("done"), slot.get("seconds left")
        table.add_row(
            slot["slot"],
            _run_cell(slot) if slot["run"] else Text("free"),
            "" if done is None else f"{done:.0%}",
            "" if left is None else duration(left),
        )
    notes = [
        f"{slot['run']} is paused and keeps its slot {slot['slot']}: `hashbench resume "
        f"{slot['run']}` goes on, `hashbench stop {slot['run']}` saves and frees the slot"
        for slot in page["slots"]
        if slot.get("state") == Status.PAUSED
    ]
    parts: list[RenderableType] = [table, *(Text(plain(note), style="yellow") for note in notes)]
    if page["jobs"]:
        parts += [Text(), _jobs_table(page["jobs"])]
    if not page["waiting"]:
        parts += [Text(), Text("nobody waits; `hashbench run --queue` makes a run wait")]
        return Group(*parts)
    waiting = Table(box=None, pad_edge=False)
    for header in ("place", "waiting", "priority", "for", "since"):
        waiting.add_column(header, overflow="fold")
    for entry in page["waiting"]:
        since = entry["since"]
        waiting.add_row(
            str(entry["place"]),
            _run_cell(entry),
            str(entry["priority"]),
            plain(entry["device"]),
            "" if since is None else duration(time.time() - since),
        )
    return Group(*parts, Text(), waiting)


def _jobs_table(jobs: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for header in ("job", "run", "doing", "done", "left"):
        table.add_column(header, overflow="fold", justify="right" if header == "left" else "left")
    for one in jobs:
        done, left = one["done"], one["seconds left"]
        where = one["reason"] if one["scheduler state"] == JobState.RUNNING else ""
        table.add_row(
            plain(f"{one['cluster']} {one['job']}"),
            _run_cell(one),
            plain(f"{one['doing']} on {where}" if where else one["doing"]),
            "" if done is None else f"{done:.0%}",
            "" if left is None else duration(left),
        )
    return table


def _run_cell(entry: dict[str, Any]) -> Text:
    """The id, what tells the run from the others here, and whether it is paused."""
    paused = entry.get("paused") or entry.get("state") == Status.PAUSED
    cell = Text(plain(entry["run"]) + (" (paused)" if paused else ""))
    variant = entry.get("variant")
    return cell.append(f"\n  {plain(variant)}", style="dim") if variant else cell
