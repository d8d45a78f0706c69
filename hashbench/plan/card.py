"""Cards: what a method or a dataset declares about itself before anything heavy is imported.

The command line, the TUI, the validation of specs and the contract tests read cards only; the code
behind a card is imported by the worker, through `entry`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.directions import CROSS_MODAL
from hashbench.plan.preset import Preset

Value = bool | int | float | str

KINDS: Mapping[type, str] = MappingProxyType(
    {bool: "yes/no", int: "whole number", float: "number", str: "text"}
)
"""The types of values, in words."""

FROZEN = "frozen"
"""What a backbone is whose features do not change in training."""

PLACEHOLDER = "{}"
"""What a template holds once, where the names go."""

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def value_from_text(text: str, kind: type) -> Value:
    """`text` as typed by a person, as a value of one of KINDS. Raises ValueError."""
    if kind is bool:
        if text.strip().lower() not in _WORDS:
            raise ValueError(text)
        return _WORDS[text.strip().lower()]
    if kind is int:
        return int(text)
    return float(text) if kind is float else text


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
        """The type of a value, in words."""
        return KINDS[type(self.default)]

    @property
    def free_text(self) -> bool:
        """Whether any text is a value, so that a comma does not separate values."""
        return isinstance(self.default, str) and not self.choices

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
        try:
            value = value_from_text(text, type(self.default))
        except ValueError:
            raise self._refuse(text, where) from None
        return self.check(value, where=where)

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
    """A method's card. `entry` is `module:Class`, a subclass of `hashbench.methods.base.Method`;
    `:Class` in a one-file plug-in, where the class stands in the same file.

    `epoch_params` are the parameters that `--epochs` sets. `joint_bits` methods train all asked
    bit lengths in one run. `directions` are i2t and t2i, or mm for one fused code an item.
    `tuned_blocks` names the parameter for how many last blocks of the backbone's towers run anew in
    training and are tuned at the rate `backbone_lr`, for methods that can; 0 leaves pooled
    features. `shares` names parameters that are shares of one whole, so that they add up to 1 at
    most. `published_leaks` methods have a published protocol of their own. `needs_encoders` methods
    feed prompts or pictures through the backbone, so that they cannot work on a set of precomputed
    features. `paper_preset` is what the paper runs with, as far as it is known. `needs_joint_space`
    methods compare images with texts as the backbone made them, so that both must have features of
    one width. Methods that are not `supervised` are built without labels. `published_only` methods
    leak by design and have no strict protocol.
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
    directions: tuple[str, ...] = CROSS_MODAL
    joint_bits: bool = False
    needs_prompts: bool = False
    needs_encoders: bool = False
    own_unknown: bool = False
    published_leaks: bool = False
    published_only: bool = False
    needs_joint_space: bool = False
    supervised: bool = True
    tuned_blocks: str = ""
    shares: tuple[str, ...] = ()
    paper_preset: Preset | None = None

    @property
    def traits(self) -> str:
        """What the method uses, makes and trains, in words; empty where it is like most."""
        parts = {
            "uses label prompts": self.needs_prompts,
            "needs the backbone's encoders": self.needs_encoders,
            "needs images and texts in one space": self.needs_joint_space,
            "sees no label in training": not self.supervised,
            "runs under the published protocol only": self.published_only,
            "makes one fused code an item": "mm" in self.directions,
            "trains all bit lengths in one run": self.joint_bits,
            "trains on frozen features": bool(self.epoch_params) and self._default_towers == FROZEN,
            "can tune the backbone's last blocks": bool(self.tuned_blocks)
            and self._default_towers == FROZEN,
            "tunes the backbone's last blocks": self._default_towers != FROZEN,
            "trains nothing": not self.epoch_params,
        }
        return ", ".join(part for part, applies in parts.items() if applies)

    @property
    def _default_towers(self) -> str:
        return self.towers({param.name: param.default for param in self.params})

    def tuned(self, params: Mapping[str, Value]) -> int:
        """How many last blocks of both towers run anew in training, by a run's parameters.

        Runs of earlier versions, whose method could not, have no such parameter.
        """
        return int(params.get(self.tuned_blocks, 0)) if self.tuned_blocks else 0

    def towers(self, params: Mapping[str, Value]) -> str:
        """What becomes of the backbone in training, in words: frozen, or some blocks tuned."""
        blocks = self.tuned(params)
        if not blocks or not params.get("backbone_lr", 0.0):
            return FROZEN
        return f"last {blocks} blocks tuned" if blocks > 1 else "last block tuned"

    def has_param(self, name: str) -> bool:
        """Whether the method has a parameter of that name."""
        return any(param.name == name for param in self.params)

    def has_ablation(self, name: str) -> bool:
        """Whether the method has an ablation of that name."""
        return any(ablation.name == name for ablation in self.ablations)

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
class DrawingRule:
    """How a released code draws a split: numpy's legacy generator permutes all items.

    `seed` seeds the generator; `discarded` permutations are drawn before the one that counts. The
    first items are queries and the next ones training items; with `queries_last` the last items are
    queries and the first ones training items. All that are no queries are database.
    """

    summary: str
    seed: int
    discarded: int = 0
    queries_last: bool = False


@dataclass(frozen=True)
class ReleasedSplit:
    """A split of a dataset that a released code draws, by the rule of that name.

    `name` is one of `hashbench.plan.released_splits.RULES`, or any other with a `rule` of its own.
    `sizes` are those of the release, None for the dataset's default ones. `presets` are the names
    that it is for, all without any. `in_text_order` are the names under which the release lists
    the items in the order of their ids as text; otherwise it is that of the dataset.
    """

    name: str
    sizes: SplitSizes | None = None
    presets: tuple[str, ...] = ()
    in_text_order: tuple[str, ...] = ()
    rule: DrawingRule | None = None


@dataclass(frozen=True)
class ReferenceLabels:
    """The published label matrix of a set of `items`: the positives of each class (`counts`), and
    pairs (a, b) where nearly every item of class a is of class b (`within`).
    """

    source: str
    items: int
    counts: Mapping[str, int]
    within: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.counts)


@dataclass(frozen=True)
class Part:
    """A part of a dataset's files: `what` it is, and the patterns of which one must match.

    Patterns are relative to the dataset's folder, or one absolute path; `*` is any part of a name.
    `when` are the parameter values for which the part is needed; without any, always. A part whose
    files may as well be another dataset's is no `sign` of this one.
    """

    what: str
    any_of: tuple[str, ...]
    when: Mapping[str, Value] = field(default_factory=dict)
    sign: bool = True


@dataclass(frozen=True)
class DatasetCard:
    """A dataset's card. `entry` is `module:function`, see `hashbench.datasets.base.Loader`.

    `sizes` maps every name of the dataset (its own and those of its presets) to the default split
    sizes, or InputError is raised; `presets` maps preset names to parameter values. `layout` tells
    where files go. `features_only` sets hold precomputed features, for which no encoder is known.

    `folders` are where below the data folder its files may lie, the first ones first (`""` is the
    data folder itself); `parts` are the files without which nothing can be loaded, `pictures` what
    a run needs besides; `remedy` is how to get them.

    What is known of the dataset, for splits and checks: `splits` are the released ones;
    `published_items` maps its names to the numbers of items that published results are over, and
    what those are; `reference_labels` are published label matrices. `without_empty_captions` maps
    its names to the preset that leaves out items with an empty caption. `unnamed_columns`:
    the files do not name the label columns, and code that reads them takes alphabetical order.
    `examined_with` are parameter values with which the most can be examined.
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
    features_only: bool = False
    folders: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    pictures: tuple[Part, ...] = ()
    remedy: str = ""
    splits: tuple[ReleasedSplit, ...] = ()
    published_items: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    reference_labels: tuple[ReferenceLabels, ...] = ()
    without_empty_captions: Mapping[str, str] = field(default_factory=dict)
    unnamed_columns: bool = False
    examined_with: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (self.name, *self.presets):
            if name not in self.sizes:
                raise InputError(f"has no sizes for {name}", where=f"the card of {self.name}")

    def values(self, name: str = "") -> dict[str, Value]:
        """The parameter values of the dataset, or of its preset `name`."""
        return {param.name: param.default for param in self.params} | dict(
            self.presets.get(name, {})
        )
