"""A code file, whatever its layout -> what is to be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hashbench.codefiles import convert, label_sources, layouts, native
from hashbench.codefiles.label_sources import VariableKeys
from hashbench.codefiles.layouts import Layout
from hashbench.codefiles.read_options import ReadOptions, VariableStore
from hashbench.errors import InputError
from hashbench.files import array_files
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan.directions import DIRECTIONS, REPORTED, directions_of, find_direction

NPY = ".npy"


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Query codes to be ranked against database codes, with the labels of both.

    `direction` is empty where neither file nor options say it. `notes` are sentences for people.
    """

    source: str
    layout: str
    direction: str
    query: Codes
    database: Codes
    query_labels: LabelMasks
    database_labels: LabelMasks
    notes: tuple[str, ...] = ()


def load_files(paths: Sequence[Path], options: ReadOptions | None = None) -> list[RetrievalTask]:
    """Everything to be scored in several files, in their order.

    An .npy file holds one array, so two that follow each other are the codes of queries and those
    of the database. Raises InputError as `load` does, and for an .npy file without its partner.
    """
    options = options or ReadOptions()
    tasks: list[RetrievalTask] = []
    left = iter(paths)
    for path in left:
        if path.suffix.lower() != NPY:
            tasks += load(path, options)
            continue
        partner = next(left, None)
        if partner is None or partner.suffix.lower() != NPY:
            raise InputError(
                "holds the codes of one side alone",
                where=path,
                remedy="give two .npy files, those of the queries first: QUERY.npy DATABASE.npy "
                "--query-labels FILE --database-labels FILE",
            )
        if options.query or options.database:
            raise InputError(
                "does not go with .npy files, which have no variables", where="--query, --database"
            )
        pair = replace(options, query=path.stem, database=str(partner))
        tasks += load(path, pair)
    return tasks


def load(path: Path, options: ReadOptions | None = None) -> list[RetrievalTask]:
    """Everything to be scored in a code file, a `codes/` folder or a run folder.

    Raises InputError, naming the option that settles it, for what cannot be read in one way only.
    """
    options = options or ReadOptions()
    for name in options.directions:
        find_direction(name, where="--direction")
    if path.is_dir():
        inner = path / "codes"
        return _own_tasks(path, native.read_codes(inner if inner.is_dir() else path), options)
    kinds = array_files.contents(path)
    if native.is_own(list(kinds)):
        return _own_tasks(path, [native.read_code_file(path)], options)
    space = VariableStore(path, kinds)
    if options.query or options.database:
        return [
            _task(
                space, label_sources.keys_given(options, path), options, _one_direction(options, "")
            )
        ]
    layout, prefix = _recognise(space, options)
    variables = layouts.directions_in(layout, space.names(prefix))
    tasks = []
    for name in _chosen(variables, options, path):
        query, database = variables[name if name in variables else next(iter(variables))]
        one = DIRECTIONS.get(name)
        modalities = ("", "") if one is None else (one.query, one.database)
        keys = VariableKeys(
            prefix + query,
            prefix + database,
            *label_sources.label_keys(space, prefix, layout, modalities, options),
        )
        tasks.append(_task(space, keys, options, name, layout.name))
    stated = _stated(space, prefix)
    return [replace(task, notes=(*task.notes, *stated)) for task in tasks]


def _stated(space: VariableStore, prefix: str) -> tuple[str, ...]:
    """The mean average precision that the file itself states, as a note."""
    name = layouts.match_name(space.names(prefix), "map")
    value = space.value(prefix + name) if name else None
    if not isinstance(value, np.ndarray) or value.size != 1 or value.dtype.kind != "f":
        return ()
    return (f"the file itself states {prefix}{name} = {value.item():.10g}",)


def _recognise(space: VariableStore, options: ReadOptions) -> tuple[Layout, str]:
    """The one layout that fits, and the struct it is in."""
    candidates = [layouts.layout_named(options.layout)] if options.layout else layouts.LAYOUTS
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
            "has no codes under the names of "
            + (f"layout {options.layout}" if options.layout else "a known layout")
            + f"; it has {', '.join(space.kinds) or 'nothing'}",
            where=space.path,
            remedy="name the variables: --query KEY --database KEY",
        )
    if len(fits) > 1:
        names = " and ".join(f"{layout.name} ({prefix or 'top level'})" for layout, prefix in fits)
        raise InputError(
            f"fits several layouts: {names}",
            where=space.path,
            remedy=f"say which: --layout {fits[0][0].name}, or --query KEY --database KEY",
        )
    return fits[0]


def _chosen(
    variables: Mapping[str, tuple[str, str]], options: ReadOptions, path: Path
) -> list[str]:
    """The directions to score: those asked for, or those that are usual."""
    if len(variables) == 1:  # one kind of code: the direction only labels it
        return [_one_direction(options, next(iter(variables)))]
    for name in options.directions:
        if name not in variables:
            raise InputError(f"has no codes for {name}; it has {', '.join(variables)}", where=path)
    usual = variables if options.every_direction else REPORTED
    return list(options.directions or [name for name in usual if name in variables])


def _one_direction(options: ReadOptions, default: str) -> str:
    if len(options.directions) > 1:
        raise InputError("the file has one pair of code sets", where="--direction")
    return options.directions[0] if options.directions else default


def _task(
    space: VariableStore,
    keys: VariableKeys,
    options: ReadOptions,
    direction: str,
    layout: str = "given",
) -> RetrievalTask:
    sides = ((keys.query, keys.query_labels), (keys.database, keys.database_labels))
    read = [[label_sources.read_array(space, key) for key in side] for side in sides]
    pair = convert.oriented(
        *(
            convert.SideArrays(codes, labels, codes_at, labels_at)
            for (codes, codes_at), (labels, labels_at) in read
        ),
        items=options.items,
        labels_as=options.labels_as,
    )
    query, database, notes = convert.to_codes(
        pair,
        zero=options.zero,
        packed=options.packed,
        bits=options.bits,
        binarize=options.binarize,
    )
    query_labels, database_labels = convert.to_labels(pair, options.labels_as)
    return RetrievalTask(
        str(space.path),
        layout,
        direction,
        query,
        database,
        query_labels,
        database_labels,
        tuple(notes),
    )


def _own_tasks(path: Path, sets: list[native.CodeSet], options: ReadOptions) -> list[RetrievalTask]:
    """The tasks of hashbench's own files, which say all that other files leave open. Bits and
    directions choose among them.
    """
    given = {
        f"--{name.replace('_', '-')}": getattr(options, name)
        for name in ("layout", "query", "database", "labels", "query_labels", "database_labels",
                     "packed", "items", "labels_as", "binarize")
    }  # fmt: skip
    for option, value in given.items():
        if value:
            raise InputError(
                "is a code file of hashbench and needs no such option",
                where=path,
                remedy=f"leave {option} out",
            )
    tasks = []
    for codes in sets:
        if options.bits not in (None, codes.bits):
            continue
        several = len(codes.query) > 1 and not options.every_direction
        usual = REPORTED if several else tuple(DIRECTIONS)
        available = directions_of(set(codes.query))
        tasks += [
            RetrievalTask(
                str(path),
                "own",
                name,
                *codes.sides(name),
                codes.query_labels,
                codes.database_labels,
            )
            for name in options.directions or usual
            if name in available
        ]
    if not tasks:
        raise InputError("has no such bits and directions", where=path)
    return tasks
