"""Finds the cards: every folder in `hashbench.methods` and `hashbench.datasets` that holds a CARD,
and those of plug-ins.

A new method or dataset is a new folder; nothing here or elsewhere is edited. What comes from
elsewhere is found by `hashbench.plan.plugins`, and looked for only where a name is not built in.
Datasets that a person registered are folders below the data folder.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from hashbench.errors import UnknownNameError
from hashbench.plan import custom_registry, plugins
from hashbench.plan.card import DatasetCard, MethodCard
from hashbench.plan.plugins import Found, Group

Kind = Literal["method", "dataset"]


def dataset_names(card: DatasetCard) -> tuple[str, ...]:
    """The names of a dataset: its own, and those of its presets."""
    return (card.name, *card.presets)


METHODS = Group(
    "method",
    "hashbench methods list",
    "hashbench.methods",
    MethodCard,
    plugins.CARD,
    lambda card: (card.name,),
)
DATASETS = Group(
    "dataset",
    "hashbench datasets list",
    "hashbench.datasets",
    DatasetCard,
    plugins.CARD,
    dataset_names,
)


def _cards(room: str) -> list[Any]:
    package = importlib.import_module(room)
    folders = [info.name for info in pkgutil.iter_modules(package.__path__) if info.ispkg]
    modules = [importlib.import_module(f"{room}.{name}") for name in sorted(folders)]
    return [module.CARD for module in modules if hasattr(module, "CARD")]


@functools.cache
def built_in_methods() -> Mapping[str, MethodCard]:
    """The methods of this package by name."""
    return MappingProxyType({card.name: card for card in _cards("hashbench.methods")})


@functools.cache
def built_in_datasets() -> Mapping[str, DatasetCard]:
    """The datasets of this package by name; a preset's name leads to the card that holds it."""
    cards = _cards("hashbench.datasets")
    return MappingProxyType({name: card for card in cards for name in dataset_names(card)})


def methods() -> Mapping[str, MethodCard]:
    """All methods by name, the built-in ones first; plug-ins that are broken are left out."""
    return {**built_in_methods(), **_added(METHODS, built_in_methods())}


def datasets() -> Mapping[str, DatasetCard]:
    """All datasets but those that a person registered, as `methods`."""
    return {**built_in_datasets(), **_added(DATASETS, built_in_datasets())}


def _added(group: Group[Any], built_in: Mapping[str, Any]) -> dict[str, Any]:
    return {name: card for name, card in plugins.healthy(group).items() if name not in built_in}


def method_plugin(name: str) -> Found[MethodCard] | None:
    """The plug-in that is the method of that name, None where it is built in or there is none."""
    return None if name in built_in_methods() else plugins.find(METHODS, name)


def dataset_plugin(name: str) -> Found[DatasetCard] | None:
    """The plug-in that is the dataset of that name, as `method_plugin`."""
    return None if name in built_in_datasets() else plugins.find(DATASETS, name)


def source_of(kind: Kind, name: str) -> str:
    """Where the plug-in of that name comes from, in words; empty for what is built in."""
    found = method_plugin(name) if kind == "method" else dataset_plugin(name)
    return "" if found is None else found.source


def left_out(kind: Kind) -> list[str]:
    """The plug-ins that cannot be used, each with the reason, in a sentence."""
    if kind == "method":
        return plugins.left_out(METHODS, built_in_methods())
    return plugins.left_out(DATASETS, built_in_datasets())


def find_method(name: str) -> MethodCard | None:
    """The method's card; None where none is so named, or its plug-in is broken."""
    found = method_plugin(name)
    return built_in_methods().get(name) if found is None else found.card


def find_dataset(name: str) -> DatasetCard | None:
    """The dataset's card, as `find_method`; those that a person registered are not looked for."""
    found = dataset_plugin(name)
    return built_in_datasets().get(name) if found is None else found.card


def method(name: str, *, where: object = None) -> MethodCard:
    """The method's card. Raises UnknownNameError with the nearest name, InputError for a plug-in
    that is broken.
    """
    if name in built_in_methods():
        return built_in_methods()[name]
    found = method_plugin(name)
    if found is None:
        raise UnknownNameError("method", name, methods(), where=where)
    return found.require(METHODS, where)


def dataset(name: str, data_dir: Path | None = None, *, where: object = None) -> DatasetCard:
    """The card of a dataset, of a preset, or of one registered below `data_dir`.

    Raises UnknownNameError with the nearest name, DamagedFileError for a damaged registration,
    InputError for a plug-in that is broken.
    """
    if name in built_in_datasets():
        return built_in_datasets()[name]
    own = custom_registry.names(data_dir)
    if name in own:
        return custom_registry.card(own[name])
    found = dataset_plugin(name)
    if found is None:
        raise UnknownNameError("dataset", name, [*datasets(), *own], where=where)
    return found.require(DATASETS, where)


def file_hash(kind: Kind, name: str) -> str:
    """The hash of the file that a method or dataset is; empty for those that are none."""
    found = method_plugin(name) if kind == "method" else dataset_plugin(name)
    if found is None or found.file is None:
        return ""
    from hashbench.plan import card_file  # here, since it imports what few commands need

    return card_file.content_hash(found.file)


def load(entry: str) -> Any:
    """The object behind a card's `entry`. Raises InputError for a plug-in that is broken."""
    return plugins.load(entry)
