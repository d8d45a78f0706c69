"""All there is to tell about one run."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.launch.worker import last_log_lines
from hashbench.plan import spec as specs
from hashbench.report.text import plain
from hashbench.runs import result as results
from hashbench.runs import state
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
    found: dict[str, Any] = {
        "run": run.id,
        "folder": str(run.path),
        "status": str(status),
        "spec": msgspec.to_builtins(specs.read(run.spec)),
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
    elif status in (Status.FAILED, Status.LOST):
        found["log"] = last_log_lines(run)
    return found


def render(found: dict[str, Any]) -> RenderableType:
    """`details` for a terminal."""
    parts: list[RenderableType] = [Text(f"{found['run']}: {found['status']}", style="bold")]
    ended = found.get("ended", {})
    parts += [
        Text(plain(f"{key}: {ended[key]}"), style="yellow")
        for key in ("reason", "remedy")
        if ended.get(key)
    ]
    spec = found["spec"]
    parts.append(_pairs("spec", _flat(spec)))
    parts.append(_pairs("facts", found["facts"]))
    parts += [
        _pairs(f"latest {name}", found[name])
        for name in ("losses", "validation", "monitors")
        if found[name]
    ]
    parts += [Text(plain(note), style="dim") for note in found["notes"]]
    if "result" in found:
        parts += _result(found["result"])
        parts.append(Text(f"audit: {found['audit']}"))
    if "log" in found:
        parts.append(Text("last lines of the log:", style="bold"))
        parts += [Text(plain(line)) for line in found["log"].splitlines()]
    return Group(*parts)


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif value not in ("", [], ()):
            flat[f"{prefix}{key}"] = value
    return flat


def _pairs(title: str, values: dict[str, Any]) -> RenderableType:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, show_header=False
    )
    for name, value in values.items():
        shown = f"{value:.6g}" if isinstance(value, float) else plain(value)
        table.add_row(plain(name), shown)
    return table


def _result(result: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for bits, by_direction in result["scores"].items():
        parts.append(Text(f"test scores, {bits} bits", style="bold"))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("metric")
        for direction in by_direction:
            table.add_column(direction, justify="right")
        for metric in next(iter(by_direction.values())):
            row = [by_direction[direction][metric] for direction in by_direction]
            table.add_row(metric, *("-" if _missing(v) else f"{v:.6f}" for v in row))
        parts.append(table)
    selected = result["selected"]
    parts.append(
        Text(
            f"epoch {selected['epoch']} of stage {selected['stage']}, chosen by {selected['by']}; "
            f"random floor {result['floor']:.4f}; "
            f"{result['without_relevant']} queries without a relevant item left out",
            style="dim",
        )
    )
    return parts


def _missing(value: float | None) -> bool:
    return value is None or math.isnan(value)
