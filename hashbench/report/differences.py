"""What differs between runs: of their specs, of what was found out about them, of their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from hashbench.errors import DamagedFileError
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.report.details import details
from hashbench.report.naming import short_names
from hashbench.report.run_pages import all_facts
from hashbench.report.text import plain
from hashbench.runs import tags
from hashbench.runs.layout import RunFolder

ABSENT = "-"
SHOWN = "mAP@all"
Groups = Mapping[str, Mapping[str, str]]
"""spec, facts, now -> key -> value in words."""

_FOLLOWS = ("version", "usual_sizes")  # of a spec: decided by other keys


@dataclass(frozen=True)
class Difference:
    """One key whose values are not the same for all runs; `values` in the order of the runs."""

    group: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Differences:
    """`names` tell the runs apart by exactly what differs in their specs. `same` counts the keys in
    which all runs agree, `own` the parameters that only some of the runs' methods have.
    """

    runs: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[Difference, ...]
    same: int
    own: int = 0
    damaged: tuple[str, ...] = ()


def differences(runs: Sequence[RunFolder]) -> Differences:
    """Compares runs; those whose spec cannot be read are named and left out."""
    read: list[tuple[RunFolder, RunSpec, Groups]] = []
    damaged: list[str] = []
    for run in runs:
        try:
            spec = specs.read(run.spec)
            read.append((run, spec, _groups(details(run))))
        except (DamagedFileError, OSError) as error:
            damaged.append(plain(error))
    rows: list[Difference] = []
    same = own = 0
    for group in ("spec", "facts", "now"):
        sides = [groups[group] for _, _, groups in read]
        for key in dict.fromkeys(key for side in sides for key in side):
            values = tuple(side.get(key, ABSENT) for side in sides)
            if key.startswith("params.") and ABSENT in values:
                own += 1  # which the methods' names say already
            elif len(set(values)) > 1:
                rows.append(Difference(group, key, values))
            else:
                same += 1
    named = short_names([spec for _, spec, _ in read])
    given = [tags.read(run).name for run, _, _ in read]
    return Differences(
        runs=tuple(run.id for run, _, _ in read),
        names=tuple(plain(mine or name) for mine, name in zip(given, named, strict=True)),
        rows=tuple(rows),
        same=same,
        own=own,
        damaged=tuple(damaged),
    )


def _groups(page: Mapping[str, Any]) -> Groups:
    """The values of a run's page in words."""
    warned = dict.fromkeys(warning["rule"] for warning in page["warnings"])
    now = {"state": page["status"], "warnings": " ".join(warned) or "none"}
    scores = page["result"]["scores"] if "result" in page else {}
    for bits, by_direction in scores.items():
        for direction, metrics in by_direction.items():
            now[f"{direction} {SHOWN} @{bits}"] = f"{metrics[SHOWN]:.4f}"
    if not scores:
        now |= {name: f"{value:.4f}" for name, value in page["validation"].items()}
    return {"spec": _flat(page["spec"]), "facts": _flat(all_facts(page)), "now": now}


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flattened: dict[str, str] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flattened |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            flattened[prefix + key] = plain(" ".join(map(str, value)) or "none")
        elif key not in _FOLLOWS:
            flattened[prefix + key] = plain(value)
    return flattened


def table(found: Differences) -> Table:
    """A row a key and a column a run."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("")
    for name in found.names:
        grid.add_column(name, overflow="fold")
    group = ""
    for row in found.rows:
        if row.group != group and group:
            grid.add_section()
        group = row.group
        grid.add_row(row.key, *row.values)
    return grid


def summary(found: Differences) -> str:
    """How much differs, in a sentence."""
    if len(found.runs) < 2:
        return "two runs at least are needed to differ"
    if not any(row.group == "spec" for row in found.rows):
        return f"the specs are equal; {found.same} values agree in all"
    own = f"; {found.own} parameters belong to some of the methods only" if found.own else ""
    return f"{len(found.rows)} values differ, {found.same} agree{own}"
