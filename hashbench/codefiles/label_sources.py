"""Where codes and labels are: in the code file, or in files of their own."""

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
class VariableKeys:
    """The variables of codes and labels: keys, or FILE:KEY for those elsewhere."""

    query: str
    database: str
    query_labels: str
    database_labels: str


def keys_given(options: ReadOptions, path: Path) -> VariableKeys:
    """The variables that the options name, all of them. Raises InputError where one is missing."""
    if not (options.query and options.database):
        raise InputError("--query and --database belong together", where=path)
    first, second = options.query_labels, options.database_labels
    if options.labels:
        first, second = _labels_file(options.labels, ("", ""))
    if not (first and second):
        raise _no_labels(path)
    return VariableKeys(options.query, options.database, first, second)


def label_keys(
    space: VariableStore,
    prefix: str,
    layout: Layout,
    modalities: tuple[str, str],
    options: ReadOptions,
) -> tuple[str, str]:
    if options.labels:
        return _labels_file(options.labels, modalities)
    keys = []
    for side, modality, given, preferred in (
        ("query", modalities[0], options.query_labels, layout.query_labels),
        ("database", modalities[1], options.database_labels, layout.database_labels),
    ):
        key = given or None
        for level in (prefix, "") if prefix else ("",):
            if key is None:
                name = layouts.find_labels(space.names(level), side, modality, preferred)
                key = None if name is None else level + name
        if key is None:
            raise _no_labels(space.path)
        keys.append(key)
    return keys[0], keys[1]


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
                f"query and database labels are not clear among {', '.join(known)}",
                where=path,
                remedy=f"name them: --labels {path}:QUERY_KEY,DATABASE_KEY",
            )
    return f"{path}:{names[0]}", f"{path}:{names[1]}"


def _no_labels(path: Path) -> InputError:
    return InputError(
        "has no labels that could be recognised",
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


def read_array(space: VariableStore, key_or_file: str) -> tuple[Array, str]:
    """The array at a key, at `FILE:KEY`, or in a file with one array; and where it is."""
    path, key = _split(key_or_file)
    if key_or_file in space.kinds or (not key and not path.is_file()):
        return space.array(key_or_file), f"{space.path}: {key_or_file}"
    other = VariableStore(path, array_files.contents(path))
    if not key:
        if len(other.kinds) != 1:
            raise InputError(
                f"has several arrays: {', '.join(other.kinds)}",
                where=path,
                remedy=f"say which: {path}:KEY",
            )
        key = next(iter(other.kinds))
    return other.array(key), f"{path}: {key}"
