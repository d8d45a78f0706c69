"""What happened to runs lately: warnings, ends, failures, lost workers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from hashbench.errors import InputError
from hashbench.report.text import WARNED, plain
from hashbench.runs import events, layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState, Status
from hashbench.runs.status import queue_positions, status_of
from hashbench.runs.tailer import Tailer

Kind = Literal["warning", "finished", "failed", "stopped", "lost", "note"]

MARKS: dict[Kind, str] = {
    "warning": WARNED,
    "finished": "✓",
    "failed": "✗",
    "stopped": "■",
    "lost": "?",
    "note": "!",
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw])")


class Alert(msgspec.Struct, frozen=True):
    """Something that happened at `t` (Unix time). `remedy` says what to do, where there is
    anything.
    """

    t: float
    run: str
    kind: Kind
    text: str
    remedy: str = ""


def span(text: str) -> float:
    """`90s`, `30m`, `1h`, `2d`, `1w` in seconds. Raises InputError."""
    parsed = _SPAN.fullmatch(text.strip())
    if parsed is None:
        raise InputError(
            f"{text!r} is no span of time",
            where="--since",
            remedy="a number and a unit: 90s, 30m, 1h, 2d, 1w",
        )
    return float(parsed[1]) * _UNITS[parsed[2]]


def alerts(runs_dir: Path, since: float) -> list[Alert]:
    """What happened since a time (Unix seconds), the oldest first. A run whose events were last
    written before that time is not read.
    """
    positions = queue_positions(runs_dir)
    found: list[Alert] = []
    for run in layout.find(runs_dir):
        try:
            if run.events.stat().st_mtime >= since:
                found += _alerts_of(run, positions)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):  # a run that waits has no events
                text = f"events.jsonl cannot be read: {error.strerror}"
                found.append(Alert(time.time(), run.id, "note", text))
    return sorted((one for one in found if one.t >= since), key=lambda one: (one.t, one.run))


def _alerts_of(run: RunFolder, positions: Mapping[str, int]) -> Iterator[Alert]:
    """Everything of one run."""
    tailer, state = Tailer(run.events), RunState()
    while fresh := tailer.poll():
        for event in fresh:
            state.add(event)
            match event:
                case events.Stopped(t=t, reason=reason, again=False):
                    remedy = f"hashbench resume {run.id}"
                    yield Alert(t, run.id, "stopped", plain(reason), remedy)
                case events.Failed(t=t, reason=reason, remedy=remedy):
                    yield Alert(t, run.id, "failed", plain(reason), plain(remedy))
                case events.Finished(t=t):
                    score = "" if state.mean_map is None else f"mAP {state.mean_map:.4f}"
                    yield Alert(t, run.id, "finished", score)
                case events.Note(t=t, level="warning", text=text):
                    yield Alert(t, run.id, "note", plain(text))
                case events.Notified(t=t, action=action, problem=problem) if problem:
                    yield Alert(t, run.id, "note", plain(f"on finish: {action}: {problem}"))
                case _:
                    pass
    for warning in state.warned.warnings:
        text = f"{warning.rule} ({warning.where}): {warning.text}"
        yield Alert(warning.t, run.id, "warning", plain(text), plain(warning.advice))
    current = status_of(run, state, positions)
    if current.state is Status.LOST:
        yield Alert(state.last_event, run.id, "lost", current.reason, plain(current.remedy))


def clock(t: float, now: float) -> str:
    """`17:04:02` for today, `03-01 17:04` for another day, in local time."""
    then = time.localtime(t)
    today = then[:3] == time.localtime(now)[:3]
    return time.strftime("%H:%M:%S" if today else "%m-%d %H:%M", then)
