"""Finds the measures: every file in `hashbench.metrics.measures` that holds a MEASURE.

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


@functools.cache
def measures() -> Mapping[str, Measure]:
    """All measures by name, in the order of their files."""
    names = sorted(file.name for file in pkgutil.iter_modules(folder.__path__))
    modules = [importlib.import_module(f"{folder.__name__}.{name}") for name in names]
    cards: list[Measure] = [module.MEASURE for module in modules if hasattr(module, "MEASURE")]
    return MappingProxyType({card.name: card for card in cards})


def measure(name: str) -> Measure:
    """The measure of that name, in any case of letters. Raises UnknownNameError."""
    by_lower = {known.lower(): card for known, card in measures().items()}
    card = by_lower.get(name.lower())
    if card is None:
        raise UnknownNameError("metric", name, examples())
    return card


def examples() -> list[str]:
    """Metric names of every measure, for help and error messages."""
    return [name for card in measures().values() for name in card.examples]


def reported() -> list[str]:
    """The metrics that the result of a run holds."""
    return [name for card in measures().values() for name in card.reported]
