"""A sweep file: grids of runs with conditions, in TOML.

[base]                     # options of `hashbench run` as keys, for every grid
dataset = "picturebook"
bits = [16, 32]
seed = [0, 1, 2]

[[grid]]                   # a list spans a grid, in `set` as well
method = "soda"
epochs = [10, 30]
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

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.request import (
    MAX_RUNS,
    checked_values,
    count_runs,
    expand,
    overridden,
    read_toml,
    spec_value,
)
from hashbench.plan.run_options import Request, options, request
from hashbench.plan.spec import RunSpec

TABLES = ("base", "grid", "skip")


def read_sweep(path: Path, data_dir: Path | None = None) -> list[RunSpec]:
    """All runs that a sweep file means, each once, in its order.

    Raises DamagedFileError for what is not TOML, InputError for what cannot run.
    """
    raw = read_toml(path)
    for key in raw:
        if key not in TABLES:
            raise UnknownNameError("table", key, TABLES, where=path)
    return sweep_specs(raw, path, data_dir)


def sweep_specs(
    raw: Mapping[str, Any],
    path: object,
    data_dir: Path | None = None,
    typed: Mapping[str, Any] | None = None,
) -> list[RunSpec]:
    """All runs of the tables of a sweep, each once, in their order.

    `typed` values of options stand in place of those of every grid; parameters among them go to the
    grids that set them. Raises InputError for what cannot run, and names `path` and the table.
    """
    in_base = f"{path}: [base]"
    base = checked_values(_table(raw.get("base", {}), in_base), in_base)
    grids = _tables(raw.get("grid", [{}]), f"{path}: [[grid]]")
    skips = [
        conditions(table, f"{path}: [[skip]] {number}")
        for number, table in enumerate(_tables(raw.get("skip", []), f"{path}: [[skip]]"), start=1)
    ]
    requests: list[Request] = []
    places: list[tuple[Mapping[str, Any], str, str]] = []
    for number, table in enumerate(grids, start=1):
        in_grid = f"{path}: [[grid]] {number}"
        grid = checked_values(table, in_grid)
        settings = {**base.get("set", {}), **grid.get("set", {})}
        requests.append(request(_in_place({**base, **grid, "set": settings}, typed or {})))
        places.append((grid, in_grid, in_base))
    return _expanded(requests, places, skips, path, data_dir)


def _in_place(values: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a grid with those that were typed; a grid keeps to the parameters it sets."""
    settings = {k: v for k, v in typed.get("set", {}).items() if k in values["set"]}
    return overridden(values, {**typed, "set": settings})


def _expanded(
    requests: list[Request],
    places: list[tuple[Mapping[str, Any], str, str]],
    skips: list[dict[str, Any]],
    path: object,
    data_dir: Path | None,
) -> list[RunSpec]:
    count = 0
    for asked, place in zip(requests, places, strict=True):
        with _blaming(*place):
            count += count_runs(asked, data_dir)
    # counted before anything is expanded: a grid may span more runs than memory holds
    if count > MAX_RUNS:
        raise InputError(
            f"spans {count:,} runs, more than {MAX_RUNS:,}",
            where=path,
            remedy="fewer values, or several files",
        )
    specs: dict[str, RunSpec] = {}
    for asked, place in zip(requests, places, strict=True):
        with _blaming(*place):
            for spec in expand(asked, data_dir):
                if not any(matches(spec, skip) for skip in skips):
                    specs.setdefault(spec.hash, spec)
    if not specs:
        raise InputError("describes no run", where=path, remedy="a [[grid]], or fewer [[skip]]")
    return list(specs.values())


@contextmanager
def _blaming(grid: Mapping[str, Any], in_grid: str, in_base: str) -> Iterator[None]:
    """Errors that name an option leave with the table of the file that gave it."""
    try:
        yield
    except InputError as error:
        flag, _, name = (error.where or "").partition(" ")
        key = flag.removeprefix("--").replace("-", "_")
        given = name in grid.get("set", {}) if name else key in grid
        if key in options():
            place = f"{in_grid if given else in_base}: {key}"
            error.where = f"{place}.{name}" if name else place
        elif error.where is None:
            error.where = in_grid
        raise


def conditions(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The conditions of a [[skip]], checked: every option that may have several values may be one.

    Raises UnknownNameError for a key that is none, InputError for a wrong value.
    """
    known = [key for key, option in options().items() if option.grid]
    for key in table:
        if key not in known:
            raise UnknownNameError("key", key, known, where=where)
    return checked_values(table, where)


def matches(spec: RunSpec, wanted: Mapping[str, Any]) -> bool:
    """Whether a run meets all conditions, each of them by one of its values."""
    return all(_meets(spec, key, values) for key, values in wanted.items())


def _meets(spec: RunSpec, key: str, wanted: Any) -> bool:
    values = _listed(wanted)
    match key:
        case "set":
            return all(
                name in spec.params and spec.params[name] in _listed(value)
                for name, value in wanted.items()
            )
        case "bits":
            return any(bits in spec.bits for bits in values)
        case "ablate":
            # a name matches runs that have it among others, a list those that have just these
            whole = [tuple(value) for value in values if isinstance(value, list)]
            whole += [] if values else [()]
            return spec.ablations in whole or any(name in spec.ablations for name in values)
    return spec_value(spec, key) in values


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
