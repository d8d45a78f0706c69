"""What runs were warned of, in words: for `hashbench show`, the workbench and reports."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from hashbench.report.text import WARNED, plain
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.warnings import RunWarning, warnings_in


def warnings_of(run: RunFolder) -> list[RunWarning]:
    """What the rules say of a run's events, in order. Raises OSError where they cannot be read."""
    return warnings_in(run.events)


def fresh_warnings(event: AnyEvent, state: RunState) -> list[RunWarning]:
    """What the rules say on `event`, which `state` holds already as its latest."""
    fresh = []
    for warning in reversed(state.warned.warnings):
        if warning.seq != event.seq:
            break
        fresh.append(warning)
    return fresh[::-1]


def sentences(warning: RunWarning) -> tuple[str, str]:
    """The warning and what to try, a line each."""
    text = f"warning {warning.rule} ({warning.where}): {warning.text}"
    return text, f"try: {warning.advice}"


def warning_lines(warnings: Sequence[RunWarning]) -> list[RenderableType]:
    """The warnings of a page, what to try below each."""
    lines: list[RenderableType] = []
    for warning in warnings:
        text, advice = sentences(warning)
        lines += [Text(plain(f"{WARNED} {text}"), style="yellow"), Text(plain(f"  {advice}"))]
    return lines
