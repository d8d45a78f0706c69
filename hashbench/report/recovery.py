"""How labels were recovered: overall, class by class, and item by item beside the truth."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.errors import InputError
from hashbench.report.text import plain
from hashbench.runs import events
from hashbench.runs.events import Recovery, RecoveryExample
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all

COUNTS = ("added", "right", "hidden")
RATIOS = ("precision", "recall")


def latest_recovery(run: RunFolder) -> Recovery:
    """The latest recovery of a run, preferably of all its training items.

    Raises InputError for a run that recovers no labels, or has not yet.
    """
    recoveries = [event for event in read_all(run.events) if isinstance(event, events.Recovery)]
    if not recoveries:
        raise InputError(
            "this run has recovered no labels",
            where=run.id,
            remedy="a method that does: hashbench run --method pcril --known-ratio 0.3",
        )
    complete = [event for event in recoveries if event.examples] or recoveries
    return complete[-1]


def recovery_page(recovery: Recovery | None) -> RenderableType:
    """Everything that is known of a recovery: the numbers, the classes, the worked examples."""
    if recovery is None:
        return Text("no recovered labels: this method recovers none, or not yet")
    classes = [Text(), class_table(recovery)] if recovery.classes else []
    return Group(summary(recovery), *classes, *map(_example, recovery.examples))


def summary_page(recovery: Recovery) -> RenderableType:
    """The numbers and the worked examples."""
    return Group(summary(recovery), *map(_example, recovery.examples))


def summary(recovery: Recovery) -> RenderableType:
    """Labels and similar pairs that were recovered, and what else was measured."""
    values = recovery.values
    when = f"labels recovered in stage {recovery.stage}, epoch {recovery.epoch + 1}"
    parts: list[RenderableType] = [Text(plain(when), style="bold"), _overall(values)]
    others = {
        name: value
        for name, value in values.items()
        if name.removeprefix("pairs ") not in (*COUNTS, *RATIOS, "items")
    }
    if others:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in others.items())
        parts.append(Text(plain(shown), style="dim"))
    return Group(*parts)


def class_table(recovery: Recovery) -> RenderableType:
    """The table of the classes, those with most added labels first."""
    table = Table(
        title="labels recovered, by class",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("class")
    for name in (*COUNTS, *RATIOS):
        table.add_column(name, justify="right")
    rows = sorted(recovery.classes.items(), key=lambda row: (-row[1].get("added", 0), row[0]))
    for name, values in rows:
        table.add_row(Text(plain(name)), *_numbers(values))
    return table


def _overall(values: dict[str, float]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(f"of {values.get('items', 0):,.0f} items")
    for name in (*COUNTS, *RATIOS):
        table.add_column(name, justify="right")
    for row, prefix in (("labels", ""), ("similar pairs", "pairs ")):
        table.add_row(row, *_numbers(values, prefix))
    return table


def _numbers(values: dict[str, float], prefix: str = "") -> list[str]:
    """Counts whole, ratios with four digits; a number that does not exist is a dash."""
    counts = [values.get(prefix + name) for name in COUNTS]
    ratios = [values.get(prefix + name) for name in RATIOS]
    return [
        *("-" if count is None else f"{count:,.0f}" for count in counts),
        *("-" if ratio is None else f"{ratio:.4f}" for ratio in ratios),
    ]


def _example(example: RecoveryExample) -> Text:
    """Known set, each added class with the score reached, the stop, and the true set."""
    text = Text(f"\n{plain(example.item)}\n")
    text.append(f"  known   {_names(example.known)}   score {example.start:.2f}\n")
    for number, (name, score) in enumerate(example.steps):
        right = name in example.true
        text.append(
            f"  + {plain(name)}   {score:.2f}   {'right' if right else 'WRONG'}\n",
            style="green" if right else "red",
        )
        if others := example.runners_up[number : number + 1]:
            ahead = ", ".join(f"{plain(other)} {reached:.2f}" for other, reached in others[0])
            text.append(f"      ahead of {ahead or 'no other class'}\n", style="dim")
    if example.stop is None:
        text.append("  stop    no class left to try\n", style="dim")
    else:
        name, score = example.stop
        text.append(f"  stop    {plain(name)} would reach {score:.2f}\n", style="dim")
    text.append(f"  true    {_names(example.true)}")
    return text


def _names(names: Sequence[str]) -> str:
    return plain(", ".join(names)) or "(none)"
