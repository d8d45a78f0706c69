"""A sweep file: grids of runs with conditions, in TOML.

[base]                     # keys of `hashbench run`, for every grid
dataset = "picturebook"
bits = [16, 32]
seed = [0, 1, 2]

[[grid]]                   # one request; lists span a grid, `set` and `ablate` as well
method = "soda"
set = { alpha = [0.5, 1.0] }

[[grid]]
method = ["pcril", "lsh"]
known_ratio = [0.3, 0.7]
ablate = [[], ["no-CSA"]]  # a list of lists: each is one choice

[[skip]]                   # leaves out runs for which every key matches
method = "lsh"
known_ratio = [0.3]
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.card import Value
from hashbench.plan.request import MAX_RUNS, expand, read_toml, request_of
from hashbench.plan.spec import RunSpec

TABLES = ("base", "grid", "skip")
SKIP_KEYS = ("method", "dataset", "bits", "seed", "known_ratio", "protocol", "ablate", "set")


def read_sweep(path: Path, data_dir: Path | None = None) -> list[RunSpec]:
    """All runs that a sweep file means, each once, in its order.

    Raises DamagedFileError for what is not TOML, InputError for what cannot run.
    """
    raw = read_toml(path)
    for key in raw:
        if key not in TABLES:
            raise UnknownNameError("table", key, TABLES, where=path)
    base = _table(raw.get("base", {}), f"{path}: [base]")
    grids = _tables(raw.get("grid", [{}]), f"{path}: [[grid]]")
    skips = _tables(raw.get("skip", []), f"{path}: [[skip]]")
    for number, skip in enumerate(skips, start=1):
        for key in skip:
            if key not in SKIP_KEYS:
                where = f"{path}: [[skip]] {number}"
                raise UnknownNameError("key", key, SKIP_KEYS, where=where)
        _table(skip.get("set", {}), f"{path}: [[skip]] {number} set")
    found: dict[str, RunSpec] = {}
    for number, grid in enumerate(grids, start=1):
        where = f"{path}: [[grid]] {number}"
        for one in _spanned(_merged(base, grid, path), where):
            for spec in expand(request_of(one, where), data_dir):
                if not any(_matches(spec, skip) for skip in skips):
                    found.setdefault(spec.hash, spec)
                if len(found) > MAX_RUNS:
                    raise InputError(f"has more than {MAX_RUNS} runs", where=path)
    if not found:
        raise InputError("means no run", where=path, remedy="a [[grid]], or fewer [[skip]]")
    return list(found.values())


def _merged(base: Mapping[str, Any], grid: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The grid's keys over the base's; `set` is merged name by name."""
    both = {
        **_table(base.get("set", {}), f"{path}: [base] set"),
        **_table(grid.get("set", {}), f"{path}: [[grid]] set"),
    }
    return {**base, **grid, "set": both}


def _spanned(keys: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """One request for each choice of the parameters and ablations that have several."""
    settings = keys.pop("set")
    names = list(settings)
    values = [v if isinstance(v, list) else [v] for v in settings.values()]
    for name, choices in zip(names, values, strict=True):
        if not choices:
            raise InputError("is an empty list", where=f"{where} set.{name}")
    ablations = keys.pop("ablate", [])
    ablations = ablations if isinstance(ablations, list) else [ablations]
    if not any(isinstance(one, list) for one in ablations):
        ablations = [ablations]  # a plain list is one choice, as on the command line
    several = itertools.product(ablations, itertools.product(*values))
    return [
        {
            **keys,
            "ablate": ablate if isinstance(ablate, list) else [ablate],
            "set": dict(zip(names, chosen, strict=True)),
        }
        for ablate, chosen in several
    ]


def _matches(spec: RunSpec, skip: Mapping[str, Any]) -> bool:
    return all(_meets(spec, key, wanted) for key, wanted in skip.items())


def _meets(spec: RunSpec, key: str, wanted: Any) -> bool:
    if key == "set":
        names: dict[str, Value] = spec.params
        return all(n in names and names[n] in _listed(v) for n, v in wanted.items())
    if key in ("bits", "ablate"):
        has = spec.bits if key == "bits" else spec.ablations
        return any(one in has for one in _listed(wanted)) or (wanted == [] and not has)
    value = {
        "method": spec.method,
        "dataset": spec.dataset.name,
        "seed": spec.seed,
        "known_ratio": spec.labels.known_ratio,
        "protocol": spec.protocol,
    }[key]
    return value in _listed(wanted)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("is not a table", where=where)
    return value


def _tables(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise InputError("is not a list of tables", where=where, remedy="two brackets on each side")
    return [_table(one, where) for one in value]
