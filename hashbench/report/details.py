"""Everything that is known of one run."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from hashbench.launch.spawn import last_log_lines
from hashbench.plan import spec as specs
from hashbench.report import machine_history
from hashbench.report.naming import variant_name
from hashbench.report.run_pages import (
    all_facts,
    flat,
    lines,
    machine_lines,
    pairs,
    results_page,
    status_lines,
)
from hashbench.report.run_series import RunSeries
from hashbench.report.text import plain
from hashbench.report.warnings import warning_lines
from hashbench.runs import result as results
from hashbench.runs import seal
from hashbench.runs.layout import RunFolder
from hashbench.runs.machine_use import MachineFold
from hashbench.runs.state import RunState, Status
from hashbench.runs.status import status_of
from hashbench.runs.tailer import Tailer
from hashbench.runs.warnings import RunWarning


def details(run: RunFolder) -> dict[str, Any]:
    """Status, spec, facts and result of a run as plain values.

    Raises DamagedFileError, OSError where the events cannot be read.
    """
    tailer, state, series, used = Tailer(run.events), RunState(), RunSeries(), MachineFold()
    while fresh := tailer.poll():
        for event in fresh:
            state.add(event)
            series.add(event, state.elapsed)
            used.add(event)
    current = status_of(run, state)
    spec = specs.read(run.spec)
    page: dict[str, Any] = {
        "run": run.id,
        "variant": variant_name(spec),
        "folder": str(run.path),
        "status": str(current.state),
        "doing": current.doing,
        "done": current.done,
        "seconds left": current.seconds_left,
        "reason": current.reason,
        "remedy": current.remedy,
        "spec": msgspec.to_builtins(spec),
        "facts": state.facts,
        "stage": state.stage,
        "epoch": state.epoch,
        "losses": state.losses,
        "validation": state.validation,
        "monitors": state.monitors,
        "warnings": msgspec.to_builtins(state.warned.warnings),
        "notes": state.notes,
        "damaged event lines": tailer.skipped,
    }
    if (totals := used.totals()) is not None:
        page["machine"] = machine_history.as_values(totals, series.curves())
    if state.ended is not None:
        page["ended"] = msgspec.to_builtins(state.ended)
    if run.result.is_file():
        result = results.read(run.result)
        page["result"] = msgspec.to_builtins(result)
        page["audit"] = result.audit.verdict
        page["seal"] = seal.report(run, spec, result)
    elif current.state in (Status.FAILED, Status.LOST):
        page["log"] = last_log_lines(run)
    return page


def render(page: dict[str, Any]) -> RenderableType:
    """`details` for a terminal."""
    parts: list[RenderableType] = [Text(f"{page['run']}: {page['status']}", style="bold")]
    parts += status_lines(page)
    parts += warning_lines(msgspec.convert(page["warnings"], list[RunWarning]))
    parts += [pairs("spec", flat(page["spec"])), pairs("facts", all_facts(page))]
    parts += [
        pairs(f"latest {name}", page[name])
        for name in ("losses", "validation", "monitors")
        if page[name]
    ]
    if "machine" in page:
        parts.append(machine_lines(page["machine"]))
    parts += [Text(plain(note), style="dim") for note in page["notes"]]
    if "result" in page:
        parts.append(results_page(page))
    if "log" in page:
        parts += [Text("last lines of the log:", style="bold"), lines(page["log"])]
    return Group(*parts)
