"""The pages of a run, as things that rich draws: for `hashbench show` and the workbench."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.report.text import duration, plain
from hashbench.report.warnings import warning_lines
from hashbench.runs.warnings import RunWarning

TIES = ("worst", "index", "best")


def lines(text: str, style: str = "") -> RenderableType:
    """Several lines, whatever they hold."""
    return Text("\n".join(plain(line) for line in text.splitlines()), style=style)


def run_page(page: Mapping[str, Any], *, wide: bool) -> RenderableType:
    """State, spec, facts; beside each other where there is room."""
    parts: list[RenderableType] = [Text(f"{page['status']}  {plain(page['folder'])}")]
    parts += status_lines(page)
    if "audit" in page:
        clean = page["audit"] == "clean"
        parts.append(Text(f"audit: {page['audit']}", style="green" if clean else "bold red"))
    parts += warning_lines(msgspec.convert(page["warnings"], list[RunWarning]))
    spec, facts = pairs("spec", flat(page["spec"])), pairs("facts", all_facts(page))
    parts += [Columns([spec, facts], padding=(0, 6)) if wide else spec, *([] if wide else [facts])]
    if "machine" in page:
        parts.append(machine_lines(page["machine"]))
    parts += [lines(note) for note in page["notes"]]
    if page["damaged event lines"]:
        parts.append(Text(f"{page['damaged event lines']} lines of events.jsonl hold no event"))
    if "log" in page:
        parts += [Text("last lines of the log", style="bold"), lines(page["log"])]
    return Group(*parts)


def machine_lines(machine: Mapping[str, Any]) -> RenderableType:
    """What the run took of its machine: a sentence, and a line of blocks for each history."""
    table = pairs("", dict(machine["sparks"]))
    return Group(Text("machine", style="bold"), Text(plain(machine["sentence"])), table)


def status_lines(page: Mapping[str, Any]) -> list[RenderableType]:
    """What a run is doing and how far it is; why it does not go on, and what to do."""
    progress = [page["doing"]] if page["doing"] else []
    if progress and page["done"] is not None:
        progress.append(f"{page['done']:.0%} done")
    if page["seconds left"] is not None:
        progress.append(f"{duration(page['seconds left'])} left")
    lines: list[RenderableType] = [Text(plain(", ".join(progress)))] if progress else []
    trouble = (f"{key}: {page[key]}" for key in ("reason", "remedy") if page[key])
    return [*lines, *(Text(plain(text), style="yellow") for text in trouble)]


def all_facts(page: Mapping[str, Any]) -> dict[str, Any]:
    """Facts from the events, and those that only the result holds."""
    facts, result = dict(page["facts"]), page.get("result")
    if result is None:
        return facts
    split = result["split"]
    facts |= result["facts"] | {"split": f"{split['name']} {split['hash']}"}
    for name, count in split.items():
        if type(count) is int:
            facts.setdefault(name, count)
    facts.setdefault("features", result["backbone"])
    return facts | {
        "fingerprint": result["dataset"]["fingerprint"],
        "took": duration(result["seconds"]),
    }


def results_page(page: Mapping[str, Any]) -> RenderableType:
    """All metrics, the range over tie rules, the audit, what was selected."""
    result = page.get("result")
    if result is None:
        return lines("no result yet: test queries are scored once, at the end")
    parts: list[RenderableType] = []
    for bits, by_direction in result["scores"].items():
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("metric")
        for direction in by_direction:
            table.add_column(direction, justify="right")
            table.add_column("worst-best", justify="right", style="dim")
        floors = result["floors"].get(bits, {})
        if floors:
            table.add_column("random", justify="right", style="dim")
        for metric in next(iter(by_direction.values())):
            if "(tie=" in metric:
                continue
            cells = []
            for values in by_direction.values():
                cells += [_number(values[metric]), _tie_range(values, metric)]
            if floors:
                cells.append(_number(floors.get(metric)))
            table.add_row(Text(plain(metric)), *cells)
        parts += [Text(f"test scores, {bits} bits", style="bold"), table]
    selected, audit = result["selected"], result["audit"]
    sure = f"audit of {audit['sample']} items: {page['audit']}"
    parts.append(Text(plain(sure), style="green" if page["audit"] == "clean" else "bold red"))
    floor = (
        f"share of relevant pairs {result['floor']:.4f}"
        if result["floor"] is not None
        else "random: expected value of random codes on the same queries"
    )
    chosen = "the weights that training ended with"
    if not audit["sample"]:
        chosen = "codes as they were imported"
    if selected["stage"]:  # epochs are counted from 0 in files, from 1 for people
        chosen = f"epoch {selected['epoch'] + 1} of stage {selected['stage']}"
    chosen = (
        f"{chosen}, chosen by {selected['by']}; worst-best: over all orders of tied items; "
        f"{floor}; {result['without_relevant']} queries without a relevant item are left out; "
        f"{result['protocol']} protocol"
    )
    parts.append(Text(plain(chosen), style="dim"))
    parts += [Text(plain(line), style="yellow") for line in page["seal"]]
    parts.append(_codes_table(result["codes"]))
    return Group(*parts)


def _tie_range(values: Mapping[str, float], metric: str) -> str:
    low, high = (values.get(f"{metric}(tie={rule})") for rule in ("worst", "best"))
    return "" if low is None or high is None else f"{low:.4f}-{high:.4f}"


def _codes_table(codes: Mapping[str, Mapping[str, Mapping[str, float]]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    names = next(iter(next(iter(codes.values()), {}).values()), {})
    for header in ("codes", "of", *names):
        left = header in ("codes", "of")
        table.add_column(Text(plain(header)), justify="left" if left else "right")
    for bits, by_modality in codes.items():
        for modality, values in by_modality.items():
            table.add_row(f"{bits} bits", modality, *(f"{value:.6g}" for value in values.values()))
    return table


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` as `{"a.b": 1}`; what is empty is left out."""
    flattened: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            flattened |= flat(value, f"{prefix}{key}.")
        elif value not in ("", [], ()):
            flattened[f"{prefix}{key}"] = value
    return flattened


def pairs(title: str, values: Mapping[str, Any]) -> RenderableType:
    """Names and values below each other."""
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, show_header=False
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(plain(name)), Text(shown(value)))
    return table


def shown(value: object) -> str:
    """A value as people write it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list() | tuple():
            return ", ".join(map(shown, value))
        case _:
            return plain(value)


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.6f}"
