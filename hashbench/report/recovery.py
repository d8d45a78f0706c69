"""How labels were recovered: overall, class by class, and item by item beside the truth."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.errors import InputError
from hashbench.report.text import plain
from hashbench.runs import events
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all

COUNTS = ("added", "right", "hidden")
RATIOS = ("precision", "recall")


def recovery_of(run: RunFolder) -> dict[str, Any]:
    """The latest recovery of a run as plain values, preferably of all its training items.

    Raises InputError for a run that recovers no labels, or has not yet.
    """
    told = [event for event in read_all(run.events) if isinstance(event, events.Recovery)]
    if not told:
        raise InputError(
            "this run has recovered no labels",
            where=run.id,
            remedy="a method that does: hashbench run --method pcril --known-ratio 0.3",
        )
    whole = [event for event in told if event.examples] or told
    return {"run": run.id, **msgspec.to_builtins(whole[-1])}


def render_recovery(found: dict[str, Any]) -> RenderableType:
    """The numbers and the worked examples, for a terminal."""
    values = found["values"]
    parts: list[RenderableType] = [
        Text(plain(f"{found['run']}: labels recovered in stage {found['stage']}"), style="bold"),
        _overall(values),
    ]
    others = {
        name: value
        for name, value in values.items()
        if name.removeprefix("pairs ") not in (*COUNTS, *RATIOS, "items")
    }
    if others:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in others.items())
        parts.append(Text(plain(shown), style="dim"))
    parts += [_example(example) for example in found.get("examples", ())]
    return Group(*parts)


def _overall(values: dict[str, float]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(f"of {values.get('items', 0):,.0f} items")
    for name in (*COUNTS, *RATIOS):
        table.add_column(name, justify="right")
    for row, prefix in (("labels", ""), ("similar pairs", "pairs ")):
        table.add_row(row, *_numbers(values, prefix))
    return table


def _numbers(values: dict[str, float], prefix: str = "") -> list[str]:
    """Counts whole, ratios with four digits; a ratio that does not exist is a dash."""
    counts = [f"{values.get(prefix + name, 0):,.0f}" for name in COUNTS]
    ratios = [values.get(prefix + name) for name in RATIOS]
    return counts + ["-" if ratio is None else f"{ratio:.4f}" for ratio in ratios]


def _example(example: dict[str, Any]) -> Text:
    """Known set, each added class with the score reached, the stop, and the true set."""
    true = set(example["true"])
    text = Text(f"\n{plain(example['item'])}\n")
    text.append(f"  known   {_names(example['known'])}   score {example['start']:.2f}\n")
    for name, score in example["steps"]:
        right = name in true
        text.append(
            f"  + {plain(name)}   {score:.2f}   {'right' if right else 'wrong'}\n",
            style="green" if right else "red",
        )
    if example["stop"] is None:
        text.append("  stop    no class left to try\n", style="dim")
    else:
        name, score = example["stop"]
        text.append(f"  stop    {plain(name)} would reach {score:.2f}\n", style="dim")
    text.append(f"  true    {_names(example['true'])}")
    return text


def _names(names: list[str] | tuple[str, ...]) -> str:
    return plain(", ".join(names)) or "(none)"


def render_classes(found: dict[str, Any]) -> RenderableType:
    """The table of the classes, those with most added labels first."""
    table = Table(
        title=plain(f"{found['run']}: labels recovered in stage {found['stage']}, by class"),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("class")
    for name in (*COUNTS, *RATIOS):
        table.add_column(name, justify="right")
    rows = sorted(
        found.get("classes", {}).items(), key=lambda row: (-row[1].get("added", 0), row[0])
    )
    for name, values in rows:
        table.add_row(plain(name), *_numbers(values))
    return table
