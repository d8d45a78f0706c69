"""Where the labels of a code file are: beside the codes, or in files of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hashbench.codefiles import layouts
from hashbench.codefiles.layouts import Layout
from hashbench.codefiles.read_options import ReadOptions, VariableStore
from hashbench.errors import InputError
from hashbench.files import array_files
from hashbench.files.matlab_values import Array


@dataclass(frozen=True)
class Places:
    """Where codes and labels are: keys, or FILE:KEY for labels elsewhere."""

    query: str
    database: str
    query_labels: str
    database_labels: str


def given(reading: ReadOptions, path: Path) -> Places:
    """The places that the options name, all of them."""
    if not (reading.query and reading.database):
        raise InputError("--query and --database belong together", where=path)
    first, second = reading.query_labels, reading.database_labels
    if reading.labels:
        first, second = _labels_file(reading.labels, ("", ""))
    if not (first and second):
        raise _no_labels(path)
    return Places(reading.query, reading.database, first, second)


def of_labels(
    space: VariableStore,
    prefix: str,
    layout: Layout,
    modalities: tuple[str, str],
    reading: ReadOptions,
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
        known = array_files.contents(path)
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


def labels(space: VariableStore, place: str) -> tuple[Array, str]:
    """The array at a place: a key of the code file, `FILE:KEY`, or a file with one array."""
    path, key = _split(place)
    if not key and not path.is_file():
        return space.array(place), f"{space.path}: {place}"
    other = VariableStore(path, array_files.contents(path))
    if not key:
        if len(other.kinds) != 1:
            raise InputError(
                f"holds {', '.join(other.kinds)}", where=path, remedy=f"say which: {path}:KEY"
            )
        key = next(iter(other.kinds))
    return other.array(key), f"{path}: {key}"
