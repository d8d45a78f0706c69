"""What a person asked the doctor to look at: a dataset's name, or a folder or file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hashbench.datasets import availability, custom, featureset
from hashbench.datasets.base import Dataset
from hashbench.datasets.featureset.dataset import SPLIT, WHOLE
from hashbench.errors import InputError
from hashbench.files import array_files
from hashbench.plan import catalog, custom_registry
from hashbench.plan.card import DatasetCard, Value

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Target:
    """A dataset to look at: its name, how it is loaded, and its card where it has one."""

    name: str
    load: Callable[[], Dataset]
    card: DatasetCard | None = None


def find_target(what: str, data_dir: Path) -> Target:
    """The dataset of that name, or the one that a folder or file holds.

    Raises UnknownNameError for what is neither, InputError for a path that holds no dataset.
    """
    path = Path(what)
    known = what in catalog.datasets() or what in custom_registry.names(data_dir)
    if known or not (path.exists() or path.suffix or os.sep in what):
        return _by_name(what, data_dir)
    if not path.exists():
        raise InputError("does not exist", where=path, remedy="the name of a dataset, or a path")
    return _in_folder(path) if path.is_dir() else _of_file(path)


def _by_name(name: str, data_dir: Path, **changed: Value) -> Target:
    card = catalog.dataset(name, data_dir, where="datasets check")
    values = card.values(name) | dict(card.examined_with) | changed
    return Target(name, lambda: catalog.load(card.entry)(data_dir, values), card)


def _in_folder(path: Path) -> Target:
    if (path / custom_registry.FILE).is_file():
        card = custom_registry.card(path / custom_registry.FILE)
        registration = custom_registry.read(path / custom_registry.FILE)
        return Target(card.name, lambda: custom.read(card.name, registration, path), card)
    tables = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in TABLES)
    counts = {card.name: _signs_in(path, card) for card in _cards()}
    # sorting is stable: of datasets with as many signs, the one that asks for the most files
    cards = sorted((c for c in _cards() if counts[c.name]), key=lambda c: -counts[c.name])
    if cards and not (_is_general(cards[0]) and len(tables) == 1):
        return _by_name(cards[0].name, path)
    if len(tables) == 1:
        return _of_file(tables[0])
    raise InputError("holds no dataset that is known", where=path, remedy=_kinds())


def _signs_in(folder: Path, card: DatasetCard) -> int:
    """How many parts of a dataset a folder holds; each counts once, whichever preset needs it."""
    parts = (part for part in card.parts if part.sign)
    return len({part.what for part in parts if availability.first_match(folder, part)})


def _cards() -> list[DatasetCard]:
    """The cards of datasets in files, those that ask for the most parts first."""
    cards = {card.name: card for card in catalog.datasets().values() if card.parts}
    return sorted(cards.values(), key=lambda card: -len({part.what for part in card.parts}))


def _is_general(card: DatasetCard) -> bool:
    """Whether any file of some ending makes the dataset: a feature set."""
    return card.name == featureset.CARD.name


def _of_file(path: Path) -> Target:
    suffix = path.suffix.lower()
    if suffix in TABLES:
        inside = path.parent / "images"
        images = inside if inside.is_dir() else path.parent
        return Target(path.stem, lambda: custom.read_pictures(path.stem, path, images))
    for card in _cards():
        signs = () if _is_general(card) else (part for part in card.parts if part.sign)
        for pattern in (pattern for part in signs for pattern in part.any_of):
            if path.absolute().match(pattern):
                root = path.absolute().parents[pattern.count("/")]
                return _by_name(card.name, root)
    if suffix in featureset.SUFFIXES:
        variables = array_files.contents(path)
        known = (*SPLIT.values(), *WHOLE.values())
        if any(name in variables for names in known for name in names):
            return _by_name(featureset.CARD.name, path.parent, file=path.name)
    raise InputError("is no dataset that is known", where=path, remedy=_kinds())


def _kinds() -> str:
    titles = ", ".join(card.title for card in _cards())
    return f"a folder or file of {titles}, or a table next to its pictures"
