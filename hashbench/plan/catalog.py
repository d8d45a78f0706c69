"""Finds the cards: every folder in `hashbench.methods` and `hashbench.datasets` that holds a CARD.

A new method or dataset is a new folder; nothing here or elsewhere is edited. Datasets that a person
registered are folders below the data folder.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hashbench.errors import UnknownNameError
from hashbench.plan import custom_registry
from hashbench.plan.card import DatasetCard, MethodCard


def _cards(room: str) -> list[Any]:
    package = importlib.import_module(room)
    folders = [info.name for info in pkgutil.iter_modules(package.__path__) if info.ispkg]
    modules = [importlib.import_module(f"{room}.{name}") for name in sorted(folders)]
    return [module.CARD for module in modules if hasattr(module, "CARD")]


@functools.cache
def methods() -> Mapping[str, MethodCard]:
    """All methods by name."""
    return MappingProxyType({card.name: card for card in _cards("hashbench.methods")})


@functools.cache
def datasets() -> Mapping[str, DatasetCard]:
    """All datasets by name; a preset's name leads to the card that holds it."""
    names = {}
    for card in _cards("hashbench.datasets"):
        names.update(dict.fromkeys((card.name, *card.presets), card))
    return MappingProxyType(names)


def method(name: str, *, where: object = None) -> MethodCard:
    """The method's card. Raises UnknownNameError with the nearest name."""
    if name not in methods():
        raise UnknownNameError("method", name, methods(), where=where)
    return methods()[name]


def dataset(name: str, data_dir: Path | None = None, *, where: object = None) -> DatasetCard:
    """The card of a dataset, of a preset, or of one registered below `data_dir`.

    Raises UnknownNameError with the nearest name, DamagedFileError for a damaged registration.
    """
    if name in datasets():
        return datasets()[name]
    own = custom_registry.names(data_dir)
    if name not in own:
        raise UnknownNameError("dataset", name, [*datasets(), *own], where=where)
    return custom_registry.card(own[name])


def load(entry: str) -> Any:
    """The object behind a card's `entry`, `module:name`."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)
