"""A code file, whatever its layout -> what is to be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hashbench.codefiles import convert, layouts, own
from hashbench.codefiles.layouts import DEFAULT_DIRECTIONS, DIRECTIONS, Layout
from hashbench.errors import InputError, UnknownNameError
from hashbench.files import mat
from hashbench.files.values import Array, Value
from hashbench.metrics.codes import Codes, LabelMasks


@dataclass(frozen=True)
class Reading:
    """What the user says about a file, where the file itself does not.

    Keys lead to a variable, `struct.field` into a struct. `labels` is `FILE` or
    `FILE:QUERY_KEY,DATABASE_KEY`; `query_labels` and `database_labels` are a key of the code file,
    `FILE:KEY`, or a file that holds one array. Without `directions`, those that are usual are
    read, or, with `every_direction`, all that the file has codes for.
    """

    layout: str = ""
    query: str = ""
    database: str = ""
    labels: str = ""
    query_labels: str = ""
    database_labels: str = ""
    directions: tuple[str, ...] = ()
    every_direction: bool = False
    bits: int | None = None
    zero: convert.Zero = "refuse"
    packed: convert.Packed = ""
    items: convert.Items = ""
    labels_as: convert.LabelsAs = ""


@dataclass(frozen=True, eq=False)
class Task:
    """Query codes to be ranked against database codes, with the labels of both.

    `direction` is empty where nobody said it. `notes` are sentences for the person.
    """

    source: str
    layout: str
    direction: str
    query: Codes
    database: Codes
    query_labels: LabelMasks
    database_labels: LabelMasks
    notes: tuple[str, ...] = ()


def load(path: Path, reading: Reading | None = None) -> list[Task]:
    """Everything to be scored in a code file, a `codes/` folder or a run folder.

    Raises InputError, naming the option that settles it, for what cannot be read in one way only.
    """
    reading = reading or Reading()
    for direction in reading.directions:
        if direction not in DIRECTIONS:
            raise UnknownNameError("direction", direction, DIRECTIONS, where="--direction")
    if path.is_dir():
        inner = path / "codes"
        return _own_tasks(path, own.read_codes(inner if inner.is_dir() else path), reading)
    kinds = mat.contents(path)
    if own.is_own(list(kinds)):
        return _own_tasks(path, [own.read_code_file(path)], reading)
    space = _Space(path, kinds)
    if reading.query or reading.database:
        return [_task(space, _given(reading, path), reading, _one_direction(reading, ""))]
    layout, prefix = _recognise(space, reading)
    found = layouts.directions_in(layout, space.names(prefix))
    tasks = []
    for direction in _chosen(found, reading, path):
        query, database = found[direction if direction in found else next(iter(found))]
        modalities = DIRECTIONS.get(direction, ("", ""))
        places = _Places(
            prefix + query,
            prefix + database,
            *_label_places(space, prefix, layout, modalities, reading),
        )
        tasks.append(_task(space, places, reading, direction, layout.name))
    stated = _stated(space, prefix)
    return [replace(task, notes=(*task.notes, *stated)) for task in tasks]


def _stated(space: _Space, prefix: str) -> tuple[str, ...]:
    """The mean average precision that the file itself states, as a note."""
    name = layouts.named(space.names(prefix), "map")
    value = space.value(prefix + name) if name else None
    if not isinstance(value, np.ndarray) or value.size != 1 or value.dtype.kind != "f":
        return ()
    return (f"the file itself states {prefix}{name} = {value.item():.10g}",)


@dataclass(frozen=True)
class _Places:
    """Where codes and labels are: keys, or FILE:KEY for labels elsewhere."""

    query: str
    database: str
    query_labels: str
    database_labels: str


class _Space:
    """The variables of a file by key; structs are opened when their fields are looked for."""

    def __init__(self, path: Path, kinds: Mapping[str, str]) -> None:
        self.path = path
        self.kinds = kinds
        self._values: dict[str, Value] = {}

    def structs(self) -> list[str]:
        """Each struct as the beginning of a key."""
        return [f"{name}." for name, kind in self.kinds.items() if kind == "struct"]

    def names(self, prefix: str) -> list[str]:
        if not prefix:
            return list(self.kinds)
        fields = self._variable(prefix.removesuffix("."))
        return list(fields) if isinstance(fields, dict) else []

    def value(self, key: str) -> Value:
        """The value at a key; UnknownNameError where there is none."""
        name, *fields = [key] if key in self.kinds else key.split(".")
        value = self._variable(name)
        for field in fields:
            if not isinstance(value, dict) or field not in value:
                known = list(value) if isinstance(value, dict) else []
                raise UnknownNameError("field", field, known, where=f"{self.path}: {key}")
            value = value[field]
        return value

    def array(self, key: str) -> Array:
        """The array at a key. Raises InputError where there is something else."""
        value = self.value(key)
        if not isinstance(value, np.ndarray):
            what = {str: "text", list: "a cell array or text", dict: "a struct"}[type(value)]
            raise InputError(f"is {what}, not a matrix", where=f"{self.path}: {key}")
        return value

    def _variable(self, name: str) -> Value:
        if name not in self._values:
            if name not in self.kinds:
                raise UnknownNameError("variable", name, self.kinds, where=self.path)
            self._values |= mat.read(self.path, [name])
        return self._values[name]


def _recognise(space: _Space, reading: Reading) -> tuple[Layout, str]:
    """The one layout that fits, and the struct it is in."""
    candidates = [layouts.layout_named(reading.layout)] if reading.layout else layouts.LAYOUTS
    fits: list[tuple[Layout, str]] = []
    for prefixes in ([""], space.structs()):  # structs are opened only where they must be
        fits = fits or [
            (layout, prefix)
            for prefix in prefixes
            for layout in candidates
            if layouts.directions_in(layout, space.names(prefix))
        ]
    if not fits:
        raise InputError(
            "holds no codes under the names of "
            + (f"layout {reading.layout}" if reading.layout else "a known layout")
            + f"; it has {', '.join(space.kinds) or 'nothing'}",
            where=space.path,
            remedy="name the variables: --query KEY --database KEY",
        )
    if len(fits) > 1:
        found = " and ".join(f"{layout.name} ({prefix or 'top level'})" for layout, prefix in fits)
        raise InputError(
            f"fits several layouts: {found}",
            where=space.path,
            remedy=f"say which: --layout {fits[0][0].name}, or --query KEY --database KEY",
        )
    return fits[0]


def _chosen(found: Mapping[str, tuple[str, str]], reading: Reading, path: Path) -> list[str]:
    """The directions to score: those asked for, or those that are usual."""
    if len(found) == 1:  # one kind of code: the direction only labels it
        return [_one_direction(reading, next(iter(found)))]
    for direction in reading.directions:
        if direction not in found:
            raise InputError(f"has no codes for {direction}; it has {', '.join(found)}", where=path)
    usual = found if reading.every_direction else DEFAULT_DIRECTIONS
    return list(reading.directions or [name for name in usual if name in found])


def _one_direction(reading: Reading, default: str) -> str:
    if len(reading.directions) > 1:
        raise InputError("the file holds one pair of code sets", where="--direction")
    return reading.directions[0] if reading.directions else default


def _given(reading: Reading, path: Path) -> _Places:
    """The places that the options name, all of them."""
    if not (reading.query and reading.database):
        raise InputError("--query and --database belong together", where=path)
    first, second = reading.query_labels, reading.database_labels
    if reading.labels:
        first, second = _labels_file(reading.labels, ("", ""))
    if not (first and second):
        raise _no_labels(path)
    return _Places(reading.query, reading.database, first, second)


def _label_places(
    space: _Space, prefix: str, layout: Layout, modalities: tuple[str, str], reading: Reading
) -> tuple[str, str]:
    if reading.labels:
        return _labels_file(reading.labels, modalities)
    places = []
    for side, modality, given, preferred in (
        ("query", modalities[0], reading.query_labels, layout.query_labels),
        ("database", modalities[1], reading.database_labels, layout.database_labels),
    ):
        found = given or None
        for level in (prefix, "") if prefix else ("",):
            if found is None:
                name = layouts.find_labels(space.names(level), side, modality, preferred)
                found = None if name is None else level + name
        if found is None:
            raise _no_labels(space.path)
        places.append(found)
    return places[0], places[1]


def _labels_file(given: str, modalities: tuple[str, str]) -> tuple[str, str]:
    """`FILE` or `FILE:QUERY_KEY,DATABASE_KEY` -> `FILE:KEY` of both sides."""
    path, keys = _split(given)
    if keys:
        names: Sequence[str | None] = keys.split(",")
        if len(names) != 2:
            raise InputError(
                f"{keys} names {len(names)} variables",
                where="--labels",
                remedy="two are expected, query first: --labels FILE:QUERY_KEY,DATABASE_KEY",
            )
    else:
        known = mat.contents(path)
        preferred = [
            tuple(name for layout in layouts.LAYOUTS for name in getattr(layout, f"{side}_labels"))
            for side in ("query", "database")
        ]
        names = [
            layouts.find_labels(known, side, modality, first, only_labels=True)
            for side, modality, first in zip(
                ("query", "database"), modalities, preferred, strict=True
            )
        ]
        if None in names:
            raise InputError(
                f"cannot tell the query and the database labels among {', '.join(known)}",
                where=path,
                remedy=f"name them: --labels {path}:QUERY_KEY,DATABASE_KEY",
            )
    return f"{path}:{names[0]}", f"{path}:{names[1]}"


def _no_labels(path: Path) -> InputError:
    return InputError(
        "holds no labels that could be recognised",
        where=path,
        remedy="--labels FILE for labels in another file, "
        "or --query-labels KEY --database-labels KEY",
    )


def _split(given: str) -> tuple[Path, str]:
    """`FILE` or `FILE:KEY` -> file and key."""
    name, _, key = given.rpartition(":")
    if Path(given).is_file() or not name:
        return Path(given), ""
    return Path(name), key


def _labels(space: _Space, place: str) -> tuple[Array, str]:
    """The array at a place: a key of the code file, `FILE:KEY`, or a file with one array."""
    path, key = _split(place)
    if not key and not path.is_file():
        return space.array(place), f"{space.path}: {place}"
    other = _Space(path, mat.contents(path))
    if not key:
        if len(other.kinds) != 1:
            raise InputError(
                f"holds {', '.join(other.kinds)}", where=path, remedy=f"say which: {path}:KEY"
            )
        key = next(iter(other.kinds))
    return other.array(key), f"{path}: {key}"


def _task(
    space: _Space, places: _Places, reading: Reading, direction: str, layout: str = "given"
) -> Task:
    sides = convert.turned(
        *(
            convert.Side(space.array(codes), labels, f"{space.path}: {codes}", labels_at)
            for codes, (labels, labels_at) in (
                (places.query, _labels(space, places.query_labels)),
                (places.database, _labels(space, places.database_labels)),
            )
        ),
        items=reading.items,
        labels_as=reading.labels_as,
    )
    query, database, notes = convert.to_codes(
        sides, zero=reading.zero, packed=reading.packed, bits=reading.bits
    )
    query_labels, database_labels = convert.to_labels(sides)
    return Task(
        str(space.path),
        layout,
        direction,
        query,
        database,
        query_labels,
        database_labels,
        tuple(notes),
    )


def _own_tasks(path: Path, sets: list[own.CodeSet], reading: Reading) -> list[Task]:
    """Our own files say all there is to say; bits and directions choose among what they hold."""
    said = {
        f"--{name.replace('_', '-')}": getattr(reading, name)
        for name in ("layout", "query", "database", "labels", "query_labels", "database_labels",
                     "packed", "items", "labels_as")
    }  # fmt: skip
    for option, value in said.items():
        if value:
            raise InputError(
                "is a code file of hashbench, which says all of this itself",
                where=path,
                remedy=f"leave {option} out",
            )
    tasks = []
    for codes in sets:
        if reading.bits not in (None, codes.bits):
            continue
        several = len(codes.query) > 1 and not reading.every_direction
        usual = DEFAULT_DIRECTIONS if several else tuple(DIRECTIONS)
        for direction in reading.directions or usual:
            asked, ranked = DIRECTIONS[direction]
            if asked in codes.query and ranked in codes.database:
                tasks.append(
                    Task(
                        str(path),
                        "own",
                        direction,
                        codes.query[asked],
                        codes.database[ranked],
                        codes.query_labels,
                        codes.database_labels,
                    )
                )
    if not tasks:
        raise InputError("holds no such bits and directions", where=path)
    return tasks
