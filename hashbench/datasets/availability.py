"""Whether a dataset's files are present: one test for the command line, the workbench and loaders.

A card declares which files make its dataset usable; nothing is opened here, and nothing heavy is
imported.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hashbench.errors import InputError
from hashbench.plan.card import DatasetCard, Part, Value


def missing(
    card: DatasetCard, data_dir: Path, name: str = "", *, pictures: bool = True
) -> str | None:
    """None where the dataset can be used, else what is missing and the remedy, in one sentence.

    `name` is the preset asked for; without it the card's own dataset is meant. Without `pictures`
    only the files are looked for that labels and captions come from.
    """
    params = card.values(name)
    needed = needed_parts(card, params)
    if pictures:
        needed += _applicable(card.pictures, params)
    if not needed:
        return None
    folder = find_folder(card, data_dir, params)
    if folder is None:
        places = ", ".join(str(data_dir / folder) for folder in card.folders)
        return f"{name or card.name} is missing (looked in {places}): {card.remedy}"
    absent = [part for part in needed if first_match(folder, part) is None]
    if not absent:
        return None
    listed = "; ".join(f"{part.what} ({part.any_of[0]})" for part in absent)
    return f"{name or card.name} lacks {listed} in {folder}: {card.remedy}"


def needed_parts(card: DatasetCard, params: Mapping[str, Value]) -> list[Part]:
    """The parts that these parameter values need, pictures aside."""
    return _applicable(card.parts, params)


def _applicable(parts: Iterable[Part], params: Mapping[str, Value]) -> list[Part]:
    return [
        part for part in parts if all(params.get(key) == value for key, value in part.when.items())
    ]


def find_folder(card: DatasetCard, data_dir: Path, params: Mapping[str, Value]) -> Path | None:
    """The first of the dataset's folders that holds any of its parts, else None."""
    for parts in (needed_parts(card, params), list(card.parts)):  # else that of another preset
        for name in card.folders:
            # pictures alone name no dataset, unless they lie in a folder that is named after it
            signs = [*parts, *card.pictures] if name else parts
            if any(part.sign and first_match(data_dir / name, part) for part in signs):
                return data_dir / name
    return None


def require_folder(card: DatasetCard, data_dir: Path, params: Mapping[str, Value]) -> Path:
    """As `find_folder`. Raises InputError if the dataset is in none of its folders."""
    folder = find_folder(card, data_dir, params)
    if folder is None:
        raise InputError(
            f"{card.title} is missing", where=data_dir / card.folders[0], remedy=card.remedy
        )
    return folder


def require_part(card: DatasetCard, folder: Path, what: str) -> Path:
    """The file or folder that is the part `what` of a card. Raises InputError where none is."""
    part = next(part for part in card.parts if part.what == what)
    path = first_match(folder, part)
    if path is None:
        raise InputError("is missing", where=folder / part.any_of[0], remedy=card.remedy)
    return path


def first_match(folder: Path, part: Part) -> Path | None:
    """A file or folder that is this part of the dataset in `folder`, or None."""
    for pattern in part.any_of:
        if pattern.startswith("/"):  # a registered path, which may hold any character
            paths = iter([path] if (path := Path(pattern)).exists() else [])
        else:
            paths = _matches(folder, pattern.split("/"))
        if (match := next(paths, None)) is not None:
            return match
    return None


def _matches(folder: Path, names: list[str]) -> Iterator[Path]:
    """What matches, lazily: to find one of 25,000 pictures must not cost a whole listing."""
    name, rest = names[0], names[1:]
    if "*" not in name:
        paths = iter([folder / name])
    else:
        paths = (folder / entry for entry in _names(folder) if fnmatch.fnmatchcase(entry, name))
    for path in paths:
        if not rest:
            if path.exists():
                yield path
        else:
            yield from _matches(path, rest)


def _names(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name
    except OSError:  # absent, no folder, or not to be read: it holds nothing that can be used
        return
