"""All there is to tell about one run."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from hashbench.launch.spawn import last_log_lines
from hashbench.plan import spec as specs
from hashbench.report.run_pages import all_facts, ended_lines, flat, lines, pairs, results_page
from hashbench.report.text import plain
from hashbench.runs import result as results
from hashbench.runs import seal, state
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.tailer import Tailer


def details(run: RunFolder) -> dict[str, Any]:
    """State, spec, facts and result of a run as plain values. Raises DamagedFileError."""
    tailer = Tailer(run.events)
    folded = state.RunState()
    while fresh := tailer.poll():
        for event in fresh:
            folded.add(event)
    status = state.status(folded, run)
    spec = specs.read(run.spec)
    found: dict[str, Any] = {
        "run": run.id,
        "folder": str(run.path),
        "status": str(status),
        "spec": msgspec.to_builtins(spec),
        "facts": folded.facts,
        "stage": folded.stage,
        "epoch": folded.epoch,
        "losses": folded.losses,
        "validation": folded.validation,
        "monitors": folded.monitors,
        "notes": folded.notes,
        "damaged event lines": tailer.skipped,
    }
    if folded.ended is not None:
        found["ended"] = msgspec.to_builtins(folded.ended)
    if run.result.is_file():
        result = results.read(run.result)
        found["result"] = msgspec.to_builtins(result)
        found["audit"] = result.audit.verdict
        found["seal"] = seal.report(run, spec, result)
    elif status in (Status.FAILED, Status.LOST):
        found["log"] = last_log_lines(run)
    return found


def render(found: dict[str, Any]) -> RenderableType:
    """`details` for a terminal."""
    parts: list[RenderableType] = [Text(f"{found['run']}: {found['status']}", style="bold")]
    parts += ended_lines(found)
    parts += [pairs("spec", flat(found["spec"])), pairs("facts", all_facts(found))]
    parts += [
        pairs(f"latest {name}", found[name])
        for name in ("losses", "validation", "monitors")
        if found[name]
    ]
    parts += [Text(plain(note), style="dim") for note in found["notes"]]
    if "result" in found:
        parts.append(results_page(found))
    if "log" in found:
        parts += [Text("last lines of the log:", style="bold"), lines(found["log"])]
    return Group(*parts)
