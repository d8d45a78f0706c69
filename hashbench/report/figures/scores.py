"""Figures of test scores: over code lengths, and over a parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.card import Value
from hashbench.plan.directions import DIRECTIONS
from hashbench.plan.spec import DatasetSpec, LabelSpec
from hashbench.report.comparison import Cell, Row, Table, compare, separation_reasons
from hashbench.report.figures.figure import Axis, Figure, Panel, Series
from hashbench.report.figures.groups import INTERVAL_NOTE, seed_interval
from hashbench.report.rows import Condition, Finished
from hashbench.report.run_pages import shown
from hashbench.report.significance import full_name

FLOOR = "random codes"

Lines = dict[tuple[Condition, str], dict[str, list[tuple[float, Cell]]]]
"""(condition, panel) -> name of a line -> its cells, by x."""

_LABEL_OPTIONS = {
    "known_ratio": ("known_ratio", 1.0),
    "label_noise": ("noise", 0.0),
    "label_sparsity": ("sparsity", 0.0),
}
_CAPTION_OPTIONS = {
    "caption_noise": ("caption_noise", 0.0),
    "caption_drop": ("caption_drop", 0.0),
}
"""Options of `hashbench run` -> (what they are in their part of a spec, the value of none)."""


def map_over_bits(finished: Sequence[Finished], metric: str) -> Figure:
    """The metric over code lengths, a panel a direction, beside the random floor."""
    tables = _tables(finished, metric)
    lines: Lines = {}
    for table in tables:
        for row in table.rows:
            for (bits, direction), cell in row.cells.items():
                by_name = lines.setdefault((table.condition, direction), {})
                by_name.setdefault(_name(row), []).append((float(bits), cell))
        if table.floor.expected:
            for bits, direction in table.columns:
                floor = Cell((table.floor.by_bits[bits],))
                by_name = lines[table.condition, direction]
                by_name.setdefault(FLOOR, []).append((float(bits), floor))
    lengths = sorted({bits for table in tables for bits, _ in table.columns})
    axis = Axis("bits", base=2, ticks=tuple((float(bits), str(bits)) for bits in lengths))
    return _figure("map-over-bits", f"{metric} over bits", lines, axis, metric, tables)


def varied(finished: Sequence[Finished]) -> list[str]:
    """What can be drawn over: parameters, and options of labels and captions, that have several
    values among the runs of one method.
    """
    values: dict[tuple[str, str], set[Value | None]] = {}
    for run in finished:
        for name in (*run.spec.params, *_LABEL_OPTIONS, *_CAPTION_OPTIONS):
            values.setdefault((run.spec.method, name), set()).add(_value(run, name))
    return list(dict.fromkeys(name for (_, name), known in values.items() if len(known) > 1))


def over_parameter(finished: Sequence[Finished], metric: str, over: str) -> Figure:
    """The metric over a parameter of the method or an option of the labels, all else equal; without
    a name, over the only one that varies.
    """
    if not over:
        choices = varied(finished)
        if len(choices) != 1:
            raise InputError(
                "names no parameter", where="--over",
                remedy=f"one that varies: {', '.join(choices) or 'none does'}",
            )  # fmt: skip
        over = choices[0]
    values = {one.run.id: _value(one, over) for one in finished}
    known = [value for value in values.values() if value is not None]
    if len(set(known)) < 2:
        raise _no_range(finished, over, known)
    places = _places(known)
    lines: Lines = {}
    tables: list[Table] = []
    # runs of one value are compared as if the parameter did not exist, so that rows of several
    # values have one name
    for value, place in places.items():
        runs = [_without(one, over) for one in finished if values[one.run.id] == value]
        tables += (at_value := _tables(runs, metric))
        for table in at_value:
            for row in table.rows:
                for (bits, direction), cell in row.cells.items():
                    panel = lines.setdefault((table.condition, f"{direction}, {bits} bits"), {})
                    panel.setdefault(_name(row), []).append((place, cell))
    lines, single = _with_several(lines)
    if not lines:
        raise _no_range(finished, over, known[:1])
    used = {place for named in lines.values() for cells in named.values() for place, _ in cells}
    places = {value: place for value, place in places.items() if place in used}
    numeric = all(isinstance(value, int | float) for value in places)
    spread = numeric and min(places.values()) > 0 and max(places.values()) / min(places.values())
    if not numeric:  # words stand one below the other, without a line that says they have an order
        order = {place: float(number) for number, place in enumerate(sorted(places.values()))}
        lines = _placed(lines, order)
        places = {value: order[place] for value, place in places.items()}
    ticks = tuple((place, shown(value)) for value, place in places.items())
    axis = Axis(over.replace("_", " "), base=10 if spread and spread >= 30 else 0, ticks=ticks)
    figure = _figure("parameter", f"{metric} over {over}", lines, axis, metric, tables)
    if not numeric:
        turned = tuple(replace(p, x=p.y, y=p.x, form="dots") for p in figure.panels)
        figure = replace(figure, panels=turned)
    left_out = [f"left out, with one value of {over} each: {', '.join(single)}"] if single else []
    return replace(figure, notes=(*figure.notes, *left_out))


def _placed(lines: Lines, order: Mapping[float, float]) -> Lines:
    """The lines with their points at other places."""
    return {
        key: {name: [(order[x], cell) for x, cell in cells] for name, cells in by_name.items()}
        for key, by_name in lines.items()
    }


def _with_several(lines: Lines) -> tuple[Lines, list[str]]:
    """The lines with more than one point, and the names of those that have none such."""
    kept: Lines = {}
    for key, by_name in lines.items():
        several = {name: cells for name, cells in by_name.items() if len(cells) > 1}
        if several:
            kept[key] = several
    drawn = {name for by_name in kept.values() for name in by_name}
    names = dict.fromkeys(name for by_name in lines.values() for name in by_name)
    return kept, [name for name in names if name not in drawn]


def _tables(finished: Sequence[Finished], metric: str) -> list[Table]:
    if not finished:
        raise InputError(
            "there is no finished run to draw",
            remedy="`hashbench ls` lists runs, `hashbench run` makes one",
        )
    return compare(finished, metric)


def _name(row: Row) -> str:
    return full_name(row) + (" !" if row.marks else "")


def _value(run: Finished, over: str) -> Value | None:
    """What a run has of a parameter, of its method or of its labels and captions."""
    if over in run.spec.params:
        return run.spec.params[over]
    for part, options in ((run.spec.labels, _LABEL_OPTIONS), (run.spec.dataset, _CAPTION_OPTIONS)):
        if over in options:
            value: float = getattr(part, options[over][0])
            return value
    return None


def _without(run: Finished, over: str) -> Finished:
    """The run as if it had the usual value of a parameter, and no ablation that sets it alone."""
    spec = run.spec
    changed: dict[str, Any] = {}
    if over in spec.params:
        card = catalog.methods().get(spec.method)
        own = {a.name for a in card.ablations if set(a.settings) == {over}} if card else set()
        changed["ablations"] = tuple(name for name in spec.ablations if name not in own)
        # of a method that is not installed no default is known: any value makes names equal
        starts = {} if card is None else {p.name: p.start(spec.protocol) for p in card.params}
        changed["params"] = {**spec.params, over: starts.get(over, spec.params[over])}
    elif over in _LABEL_OPTIONS:
        name, none = _LABEL_OPTIONS[over]
        labels: LabelSpec = msgspec.structs.replace(spec.labels, **{name: none})
        changed["labels"] = labels
    else:
        name, none = _CAPTION_OPTIONS[over]
        dataset: DatasetSpec = msgspec.structs.replace(spec.dataset, **{name: none})
        changed["dataset"] = dataset
    return replace(run, spec=msgspec.structs.replace(spec, **changed))


def _places(values: Iterable[Value]) -> dict[Value, float]:
    """Where each value stands: numbers where they are, words and switches one after the other."""
    distinct = set(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in distinct):
        return {value: float(value) for value in sorted(distinct, key=float)}
    return {value: float(place) for place, value in enumerate(sorted(distinct, key=str))}


def _no_range(finished: Sequence[Finished], over: str, known: Sequence[Value]) -> InputError:
    """Why nothing can be drawn over a parameter."""
    names = {name for run in finished for name in run.spec.params}
    names |= {*_LABEL_OPTIONS, *_CAPTION_OPTIONS}
    if not known:
        return UnknownNameError("parameter", over, sorted(names), where="--over")
    return InputError(
        f"no runs that are equal otherwise differ in {over}, which is {shown(known[0])}",
        where="--over",
        remedy=f"over what varies: {', '.join(varied(finished)) or 'nothing does'}; "
        f"or run a grid: hashbench run --set {over}=A,B,C",
    )


def _figure(
    kind: str, title: str, lines: Lines, axis: Axis, metric: str, tables: Sequence[Table]
) -> Figure:
    conditions = list(dict.fromkeys(condition for condition, _ in lines))
    panels = []
    for (condition, name), by_name in lines.items():
        direction, comma, bits = name.partition(",")
        words = f"{DIRECTIONS[direction].title}{comma}{bits}"
        if len(conditions) > 1:
            words += f" ({conditions.index(condition) + 1})"
        series = tuple(_series(name, sorted(cells, key=_place)) for name, cells in by_name.items())
        panels.append(Panel(words, axis, Axis(metric), series))
    rows = [row for table in tables for row in table.rows]
    notes = [INTERVAL_NOTE] if any(row.seeds > 1 for row in rows) else []
    notes += [
        reason.replace("table", "panel") for reason in separation_reasons(_first_of_each(tables))
    ]
    notes += dict.fromkeys(f"{_name(row)}: {'; '.join(row.marks)}" for row in rows if row.marks)
    ids = dict.fromkeys(run for row in rows for run in row.runs)
    return Figure(kind, title, tuple(panels), tuple(notes), tuple(ids))


def _place(entry: tuple[float, Cell]) -> float:
    return entry[0]


def _first_of_each(tables: Sequence[Table]) -> list[Table]:
    """One table of each condition."""
    return list({table.condition: table for table in reversed(tables)}.values())[::-1]


def _series(name: str, cells: Sequence[tuple[float, Cell]]) -> Series:
    intervals = [seed_interval(cell.values, share=True) for _, cell in cells]
    seeds = max(len(cell.values) for _, cell in cells)
    several = seeds > 1
    return Series(
        name,
        tuple(x for x, _ in cells),
        tuple(mean for mean, _, _ in intervals),
        tuple(low for _, low, _ in intervals) if several else (),
        tuple(high for _, _, high in intervals) if several else (),
        seeds,
    )
