"""What the paper of a method runs with: values of options and parameters, each with its source.

A method's card holds it (`MethodCard.paper_preset`); `hashbench.plan.preset_resolution` applies it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashbench.plan.card import Value

PAPER = "paper"
BUILT_IN = "built-in"
"""The presets by name; `built-in` are the defaults, which suit the built-in pictures."""


@dataclass(frozen=True)
class Given:
    """A value that a source gives for an option or a parameter, `key`.

    A tuple is a grid of values. `source` is a section of the paper, a file of the release, or a
    summary of the paper. `datasets` are the cards that it is for, by name; all without any.
    """

    key: str
    value: Value | tuple[Value, ...]
    source: str
    datasets: tuple[str, ...] = ()

    def is_for(self, dataset: str) -> bool:
        """Whether the value is for the dataset whose card has that name."""
        return not self.datasets or dataset in self.datasets


@dataclass(frozen=True)
class Preset:
    """What a paper and its release give.

    `datasets` are the cards, by name, that the paper reports: there the preset is the default.
    `options` are keys of the table of run options, `params` parameters of the method.
    `unknown` is what no source says, `departures` what a run still does otherwise; both are whole
    phrases for a person.
    """

    datasets: tuple[str, ...]
    options: tuple[Given, ...]
    params: tuple[Given, ...]
    unknown: tuple[str, ...]
    departures: tuple[str, ...] = ()

    def option_values(self, dataset: str) -> dict[str, Value | tuple[Value, ...]]:
        """The values of options for a dataset, by key."""
        return {given.key: given.value for given in self.options if given.is_for(dataset)}

    def param_values(self, dataset: str) -> dict[str, Value]:
        """The values of parameters for a dataset, by name."""
        return {
            given.key: given.value
            for given in self.params
            if given.is_for(dataset) and not isinstance(given.value, tuple)
        }


def sourced(source: str, *datasets: str, **values: Value | tuple[Value, ...]) -> Iterable[Given]:
    """Several values of one source."""
    return tuple(Given(key, value, source, datasets) for key, value in values.items())
