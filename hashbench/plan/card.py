"""Cards: what a method or a dataset says about itself before anything heavy is imported.

The command line, the TUI, the validation of specs and the contract tests read cards only; the code
behind a card is imported by the worker, through `entry`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hashbench.errors import InputError, UnknownNameError

Value = bool | int | float | str

PLACEHOLDER = "{}"
"""What a template holds once, where the names go."""

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class Param:
    """One setting: its default fixes its type; `choices` or `low`/`high` (inclusive) its range.

    `published` is the default under `--protocol published`, a value that leaks: the strict protocol
    refuses it. A `template` is a text that holds `{}` once.
    """

    name: str
    default: Value
    help: str
    choices: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    published: Value | None = None
    template: bool = False

    def start(self, protocol: str) -> Value:
        """The default under a protocol."""
        if protocol == "published" and self.published is not None:
            return self.published
        return self.default

    @property
    def kind(self) -> str:
        return {bool: "yes/no", int: "whole number", float: "number", str: "text"}[
            type(self.default)
        ]

    @property
    def range(self) -> str:
        """The allowed values in words, empty when any value of the type will do."""
        if self.choices:
            return " | ".join(str(choice) for choice in self.choices)
        if self.template:
            return f"with one {PLACEHOLDER}"
        if self.low is None and self.high is None:
            return ""
        low = "" if self.low is None else f"{self.low:g} <= "
        high = "" if self.high is None else f" <= {self.high:g}"
        return f"{low}x{high}"

    def parse(self, text: str, *, where: object = None) -> Value:
        """`text` as typed by a person, as a checked value. Raises InputError."""
        raw: object = text
        try:
            if isinstance(self.default, bool):
                raw = _WORDS[text.strip().lower()]
            elif isinstance(self.default, int):
                raw = int(text)
            elif isinstance(self.default, float):
                raw = float(text)
        except (ValueError, KeyError):
            raise self._refuse(text, where) from None
        return self.check(raw, where=where)

    def check(self, value: object, *, where: object = None) -> Value:
        """`value` if it is of the type and within the range, else InputError."""
        wanted = type(self.default)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not wanted or not isinstance(value, bool | int | float | str):
            raise self._refuse(value, where)
        if self.template and (not isinstance(value, str) or value.count(PLACEHOLDER) != 1):
            raise self._refuse(value, where)
        if self.choices and value not in self.choices:
            if isinstance(value, str):
                known = [str(choice) for choice in self.choices]
                raise UnknownNameError(f"value of {self.name}", value, known, where=where)
            raise self._refuse(value, where)
        if isinstance(value, int | float) and not isinstance(value, bool):
            below = self.low is not None and value < self.low
            above = self.high is not None and value > self.high
            if not math.isfinite(value) or below or above:
                raise self._refuse(value, where)
        return value

    def _refuse(self, value: object, where: object) -> InputError:
        wanted = f"{self.kind} {self.range}".strip()
        return InputError(
            f"{self.name} = {value!r} is not a {wanted}",
            where=where,
            remedy=f"{self.help} (default {self.default})",
        )


@dataclass(frozen=True)
class Ablation:
    """A named change of parameters: what a paper calls 'w/o X', or a released behaviour."""

    name: str
    help: str
    settings: Mapping[str, Value]


@dataclass(frozen=True)
class MethodCard:
    """A method's card. `entry` is `module:Class`, a subclass of `hashbench.methods.base.Method`.

    `epoch_params` are the parameters that `--epochs` sets. `joint_bits` methods train all asked
    bit lengths in one run. `directions` are i2t and t2i, or mm for one fused code an item.
    `tuned_blocks` names the parameter that says how many last blocks of the backbone's towers are
    tuned, for methods that do. `shares` names parameters that are shares of one whole, so that they
    add up to 1 at most. `published_leaks` methods have a published protocol of their own.
    """

    name: str
    title: str
    summary: str
    paper: str
    year: int
    entry: str
    params: tuple[Param, ...] = ()
    ablations: tuple[Ablation, ...] = ()
    epoch_params: tuple[str, ...] = ()
    directions: tuple[str, ...] = ("i2t", "t2i")
    joint_bits: bool = False
    needs_prompts: bool = False
    own_unknown: bool = False
    published_leaks: bool = False
    tuned_blocks: str = ""
    shares: tuple[str, ...] = ()

    def param(self, name: str, *, where: object = None) -> Param:
        """The parameter of that name. Raises UnknownNameError with the nearest one."""
        for param in self.params:
            if param.name == name:
                return param
        known = [param.name for param in self.params]
        raise UnknownNameError(f"parameter of {self.name}", name, known, where=where)

    def check_shares(self, params: Mapping[str, Value]) -> None:
        """Raises InputError where `shares` add up to more than 1."""
        total = sum(float(params.get(name, 0.0)) for name in self.shares)
        if total > 1.0 + 1e-9:
            raise InputError(
                f"{' and '.join(self.shares)} are shares of one whole and add up to {total:g}",
                where=f"--set {self.shares[0]}",
                remedy="shares that add up to 1 at most",
            )

    def ablation(self, name: str, *, where: object = None) -> Ablation:
        """The ablation of that name. Raises UnknownNameError with the nearest one."""
        for ablation in self.ablations:
            if ablation.name == name:
                return ablation
        known = [ablation.name for ablation in self.ablations]
        raise UnknownNameError(f"ablation of {self.name}", name, known, where=where)


@dataclass(frozen=True)
class SplitSizes:
    """Default sizes of the own split: query and training items; `None` database is all the rest."""

    query: int
    train: int


@dataclass(frozen=True)
class DatasetCard:
    """A dataset's card. `entry` is `module:function`, see `hashbench.datasets.base.Loader`.

    `sizes` maps every name of the dataset (its own and those of its presets) to the default split
    sizes; `presets` maps preset names to parameter values. `layout` tells where files go.
    """

    name: str
    title: str
    summary: str
    entry: str
    sizes: Mapping[str, SplitSizes]
    params: tuple[Param, ...] = ()
    presets: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    layout: str = ""
    builtin: bool = False
