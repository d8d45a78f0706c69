"""Finds the measures: every file in `hashbench.metrics.measures` that holds a MEASURE, and those of
plug-ins.

A new measure is a new file there; nothing else is edited. Metric names, the scores of runs,
`compare --metric` and `eval -m` know it by its card.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from hashbench.errors import UnknownNameError
from hashbench.metrics import measures as folder
from hashbench.metrics.measure import Measure
from hashbench.plan import plugins
from hashbench.plan.plugins import Group

METRICS = Group(
    "metric",
    "hashbench metrics list",
    "hashbench.metrics",
    Measure,
    plugins.MEASURE,
    lambda measure: (measure.name,),
)


@functools.cache
def built_in_measures() -> Mapping[str, Measure]:
    """The measures of this package by name, in the order of their files."""
    names = sorted(file.name for file in pkgutil.iter_modules(folder.__path__))
    modules = [importlib.import_module(f"{folder.__name__}.{name}") for name in names]
    cards: list[Measure] = [module.MEASURE for module in modules if hasattr(module, "MEASURE")]
    return MappingProxyType({card.name: card for card in cards})


def measures() -> Mapping[str, Measure]:
    """All measures by name, the built-in ones first; plug-ins that are broken are left out."""
    built_in = built_in_measures()
    taken = {name.lower() for name in built_in}
    added = plugins.healthy(METRICS)
    return {**built_in, **{name: one for name, one in added.items() if name.lower() not in taken}}


def find_measure(name: str) -> Measure | None:
    """The measure of that name, in any case of letters; None where there is none.

    Raises InputError for a plug-in that is broken.
    """
    for known, card in built_in_measures().items():
        if known.lower() == name.lower():
            return card
    for known, found in plugins.everything(METRICS).items():
        if known.lower() == name.lower():
            return found.require(METRICS, name)
    return None


def measure(name: str) -> Measure:
    """As `find_measure`. Raises UnknownNameError where there is none."""
    card = find_measure(name)
    if card is None:
        raise UnknownNameError("metric", name, examples())
    return card


def source_of(name: str) -> str:
    """Where the plug-in of that name comes from, in words; empty for what is built in."""
    found = None if name in built_in_measures() else plugins.find(METRICS, name)
    return "" if found is None else found.source


def left_out() -> list[str]:
    """The plug-ins that cannot be used, each with the reason, in a sentence."""
    return plugins.left_out(METRICS, built_in_measures())


def examples() -> list[str]:
    """Metric names of every measure, for help and error messages."""
    return [name for card in measures().values() for name in card.examples]


def reported() -> list[str]:
    """The metrics that the result of a run holds."""
    return [name for card in measures().values() for name in card.reported]
