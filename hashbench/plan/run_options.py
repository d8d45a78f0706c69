"""The one table of run options: what a person may ask of a run, each option in one place.

`Request` is the table. A row of it gives an option's key, type, default, help, choices, range and
its place in the run's spec; from it come the options of `hashbench run`, the fields of the
workbench's form, the keys of config and sweep files, every check, and the command line that repeats
a request. A new option is a row here and a field of `hashbench.plan.spec` that its `spec` names.

Wherever an option is typed, several values make a grid. None means the default of the method or the
dataset.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, TypeVar

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import list_syntax, released_splits
from hashbench.plan.card import KINDS, Value, value_from_text
from hashbench.plan.list_syntax import value_text

T = TypeVar("T")
OneOrMore: TypeAlias = T | Sequence[T]
"""One value, or several, which span a grid."""


@dataclass(frozen=True)
class RunOption:
    """A row of the table.

    `item` is the type of one value. `low` and `high` are inclusive, `above` is exclusive; `check`
    raises InputError for what they cannot tell. `spec` is the place in RunSpec, such as
    `labels.noise`; empty where `hashbench.plan.request` resolves the value. `unset` says in words
    what None or an empty text means. `grid` options may have several values; where `commas` is
    off, a comma belongs to the value and the option is repeated. `picked` options are chosen from
    lists in the workbench's form, not typed.
    """

    help: str
    key: str = ""
    item: type[bool | int | float | str] = str
    default: Any = None
    short: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None
    check_value: Callable[[Any, str], None] | None = None
    spec: str = ""
    unset: str = ""
    grid: bool = True
    commas: bool = True
    picked: bool = False

    @property
    def flag(self) -> str:
        """The option of `hashbench run`, which errors name."""
        return "--" + self.key.replace("_", "-")

    @property
    def default_text(self) -> str:
        """The default as typed; empty where there is none."""
        return "" if self.default in (None, (), {}) else value_text(self.default)

    def values(self, value: Any) -> list[Any]:
        """The distinct values that `value`, one or several, stands for."""
        several = isinstance(value, Sequence) and not isinstance(value, str)
        return list(dict.fromkeys(value)) if several else [value]

    def parse(self, texts: Sequence[str]) -> Any:
        """What was typed, once or several times: one value, or a list of several.

        Raises InputError naming the option.
        """
        if self.item is int and self.grid:
            values: list[Any] = list_syntax.integers(texts, self.flag)
        else:
            split = self.grid and self.commas
            parts = list_syntax.words(texts) if split else [text.strip() for text in texts]
            values = [self._value(part) for part in parts if part]
        if not values:
            if self.default is None or self.default == "":
                return self.default
            raise InputError("is empty", where=self.flag, remedy=f"such as {self.default_text}")
        if not self.grid:
            return values[-1]  # an option that is given twice: the last one counts
        return values if len(values) > 1 else values[0]

    def _value(self, text: str) -> Value:
        try:
            return value_from_text(text, self.item)
        except ValueError:
            raise InputError(f"{text!r} is not a {KINDS[self.item]}", where=self.flag) from None

    def convert(self, raw: object, where: str) -> Any:
        """A value out of a TOML file, checked. Raises InputError with `where` and the key."""
        place = f"{where}: {self.key}"
        several = isinstance(raw, list)
        if several and not self.grid:
            raise InputError("takes one value, not a list", where=place)
        values: list[Value] = []
        for one in raw if isinstance(raw, list) else [raw]:
            if self.item is float and type(one) is int:
                values.append(float(one))
            elif type(one) is self.item:
                values.append(one)
            else:
                raise InputError(f"{one!r} is not a {KINDS[self.item]}", where=place)
        value = values if several else values[0]
        self.check(value, place)
        return value

    def check(self, value: Any, where: str | None = None) -> None:
        """Raises InputError unless every one of the values is valid."""
        place = where or self.flag
        values = self.values(value)
        if not values:
            raise InputError("is empty", where=place, remedy="give at least one value")
        for one in values:
            if one is None:
                continue
            if self.choices and one not in self.choices:
                raise UnknownNameError(self.key.replace("_", " "), one, self.choices, where=place)
            self._check_range(one, place)
            if self.check_value is not None:
                self.check_value(one, place)

    def _check_range(self, value: Any, where: str) -> None:
        below = self.low is not None and not value >= self.low  # so that NaN is out of range, too
        not_above = self.above is not None and not value > self.above
        beyond = self.high is not None and not value <= self.high
        if below or not_above or beyond:
            start = f"above {self.above:g}" if self.above is not None else f"from {self.low:g}"
            end = "" if self.high is None else f" to {self.high:.10g}"
            raise InputError(f"{value} is out of range", where=where, remedy=start + end)

    def words(self, value: Any) -> list[str]:
        """The words of a command line that ask for `value`; none where it is the default."""
        values = self.values(value)
        if value is None or values == self.values(self.default):
            return []
        if self.commas:
            return [self.flag, list_syntax.joined(values)]
        return [word for one in values for word in (self.flag, value_text(one))]


@dataclass(frozen=True)
class AblationOption(RunOption):
    """Ablations: `a,b` are made together, in one run; a list of lists is a grid of such choices."""

    def values(self, value: Any) -> list[tuple[str, ...]]:
        """The distinct choices, each the ablations of one run."""
        choices = value if any(not isinstance(one, str) for one in value) else [value]
        return list(dict.fromkeys((c,) if isinstance(c, str) else tuple(c) for c in choices))

    def parse(self, texts: Sequence[str]) -> list[list[str]]:
        """Each text is one choice; `none` is the choice of no ablation."""
        choices = [[word for word in list_syntax.words([t]) if word != NO_ABLATION] for t in texts]
        return choices or [[]]

    def convert(self, raw: object, where: str) -> Any:
        """A name, a list of names (one choice), or a list of such (a grid)."""
        choices = raw if isinstance(raw, list) else [raw]
        for choice in choices:
            for name in choice if isinstance(choice, list) else [choice]:
                if not isinstance(name, str):
                    raise InputError(f"{name!r} is not a text", where=f"{where}: {self.key}")
        return choices

    def check(self, value: Any, where: str | None = None) -> None:
        """Names are checked against the methods' cards, when the request is expanded."""

    def words(self, value: Any) -> list[str]:
        """One `--ablate` for each choice."""
        choices = self.values(value)
        if choices == [()]:
            return []
        return [word for c in choices for word in (self.flag, ",".join(c) or NO_ABLATION)]


@dataclass(frozen=True)
class SettingOption(RunOption):
    """Parameters of methods: `name=value`, or `method.name=value`; several values make a grid.

    What was typed stays text until the method's card says what it is.
    """

    def values(self, value: Any) -> list[Any]:
        """The mapping itself; its grids are spanned method by method."""
        return [value]

    def parse(self, texts: Sequence[str]) -> dict[str, str]:
        """name -> what was typed behind the sign. Raises InputError where there is no sign."""
        settings = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not name.strip():
                raise InputError(f"{text!r} is not name=value", where=self.flag)
            settings[name.strip()] = value
        return settings

    def convert(self, raw: object, where: str) -> Any:
        """A table of values or lists of values."""
        if not isinstance(raw, dict):
            raise InputError("is not a table", where=f"{where}: {self.key}")
        for name, value in raw.items():
            place = f"{where}: {self.key}.{name}"
            if value == []:
                raise InputError("is an empty list", where=place)
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, bool | int | float | str):
                    raise InputError(f"{one!r} is not a value of a parameter", where=place)
        return raw

    def check(self, value: Any, where: str | None = None) -> None:
        """Values are checked against the methods' cards, when the request is expanded."""

    def words(self, value: Any) -> list[str]:
        """One `--set` for each parameter."""
        texts = {
            name: list_syntax.joined(one) if isinstance(one, list | tuple) else value_text(one)
            for name, one in value.items()
        }
        return [word for name, text in texts.items() for word in (self.flag, f"{name}={text}")]


NO_ABLATION = "none"


def _check_device(device: str, where: str) -> None:
    if not re.fullmatch(r"auto|cpu|cuda|cuda:\d{1,3}", device):
        raise UnknownNameError("device", device, ["auto", "cpu", "cuda:0", "cuda:1"], where=where)


def _check_split(split: str, where: str) -> None:
    released_splits.check(split, where=where)


@dataclass(frozen=True)
class Request:
    """What a person asks for, one field an option: the table of run options."""

    method: Annotated[
        OneOrMore[str],
        RunOption("Method.", short="-m", spec="method", picked=True),
    ] = "soda"
    dataset: Annotated[
        OneOrMore[str],
        RunOption("Dataset.", short="-d", spec="dataset.name", picked=True),
    ] = "picturebook"
    bits: Annotated[
        OneOrMore[int],
        RunOption(
            "Code length in bits; 16,32,64 for several.", short="-b", low=1, high=4096, spec="bits"
        ),
    ] = 32
    seed: Annotated[
        OneOrMore[int],
        RunOption("Seed; 0-4 for five.", short="-s", low=0, high=2**31 - 1, spec="seed"),
    ] = 0
    set: Annotated[
        Mapping[str, OneOrMore[Value]],
        SettingOption(
            "Parameter of the method, see `hashbench methods show METHOD`; alpha=0.1,1 for a grid "
            "(but a parameter that is free text keeps its commas).",
            metavar="NAME=VALUE",
            spec="params",
            picked=True,
        ),
    ] = field(default_factory=dict)
    ablate: Annotated[
        Sequence[str | Sequence[str]],
        AblationOption(
            "Named ablation; a,b are made together, in one run. Repeat the option for a grid, with "
            f"`{NO_ABLATION}` for the run without.",
            metavar="NAME",
            spec="ablations",
            picked=True,
        ),
    ] = ()
    epochs: Annotated[
        OneOrMore[int | None],
        RunOption("Epochs of every stage.", low=1, high=10**9, unset="the method's"),
    ] = None
    known_ratio: Annotated[
        OneOrMore[float],
        RunOption(
            "Share of training labels that is known.", above=0, high=1, spec="labels.known_ratio"
        ),
    ] = 1.0
    label_noise: Annotated[
        OneOrMore[float],
        RunOption("Share of training labels flipped.", low=0, high=1, spec="labels.noise"),
    ] = 0.0
    label_sparsity: Annotated[
        OneOrMore[float],
        RunOption("Share of positive labels dropped.", low=0, high=1, spec="labels.sparsity"),
    ] = 0.0
    unknown: Annotated[
        OneOrMore[str],
        RunOption(
            "Pairs whose similarity is unknown count as negative (AN), or are ignored (IU).",
            choices=("negative", "ignore"),
            spec="labels.unknown",
        ),
    ] = "negative"
    protocol: Annotated[
        OneOrMore[str],
        RunOption(
            "strict: codes see their own modality alone; published: as the paper's own code "
            "encodes, and marked.",
            choices=("strict", "published"),
            spec="protocol",
        ),
    ] = "strict"
    select: Annotated[
        OneOrMore[str],
        RunOption(
            "What chooses the epoch; test is what papers do, and marked.",
            choices=("validation", "last", "test"),
            spec="select",
        ),
    ] = "validation"
    split: Annotated[
        OneOrMore[str],
        RunOption(
            "own, a released code's split such as dcmht, or a file of item ids.",
            metavar="NAME|FILE",
            check_value=_check_split,
            spec="dataset.split",
            commas=False,
        ),
    ] = "own"
    split_seed: Annotated[
        OneOrMore[int],
        RunOption(
            "Seed of the split, whatever the run's seed.",
            low=0,
            high=2**31 - 1,
            spec="dataset.split_seed",
        ),
    ] = 0
    query_size: Annotated[
        OneOrMore[int | None],
        RunOption("Test queries.", low=1, high=10**9, spec="dataset.query", unset="the dataset's"),
    ] = None
    train_size: Annotated[
        OneOrMore[int | None],
        RunOption(
            "Training items.", low=2, high=10**9, spec="dataset.train", unset="the dataset's"
        ),
    ] = None
    backbone: Annotated[
        OneOrMore[str],
        RunOption(
            "Frozen encoders: any model of open_clip, such as ViT-B-16.", spec="backbone.name"
        ),
    ] = "picturebook-clip"
    pretrained: Annotated[
        OneOrMore[str],
        RunOption(
            "Weights of the backbone: a tag of open_clip, or a file.",
            metavar="TAG|FILE",
            spec="backbone.pretrained",
            unset="built in",
            commas=False,
        ),
    ] = ""
    feature_precision: Annotated[
        OneOrMore[str],
        RunOption(
            "Precision of features on disk; fp16 takes half the space.",
            choices=("fp32", "fp16"),
            spec="backbone.feature_precision",
        ),
    ] = "fp32"
    on_bad_image: Annotated[
        OneOrMore[str],
        RunOption(
            "A picture that cannot be read stops the run, or its item is skipped.",
            choices=("stop", "skip"),
            spec="dataset.on_bad_image",
        ),
    ] = "stop"
    device: Annotated[
        str,
        RunOption(
            "auto, cpu, cuda or cuda:N; auto is the first GPU, if any.",
            check_value=_check_device,
            spec="device",
            grid=False,
        ),
    ] = "auto"
    threads: Annotated[
        int,
        RunOption(
            "CPU threads of a worker; 0 means all.", low=0, high=10**9, spec="threads", grid=False
        ),
    ] = 0


def options() -> Mapping[str, RunOption]:
    """The rows of the table by key, in the order in which they are shown."""
    return _rows(Request)


@functools.cache
def _rows(table: type[Request]) -> Mapping[str, RunOption]:
    hints = typing.get_type_hints(table, include_extras=True)
    rows = {}
    for one in fields(table):
        values, option = typing.get_args(hints[one.name])
        default = {} if one.default is MISSING else one.default
        rows[one.name] = replace(option, key=one.name, item=_item(values), default=default)
    return MappingProxyType(rows)


def _item(hint: Any) -> Any:
    """The type of one value, out of `int | None | Sequence[int | None]` and the like."""
    if hint in KINDS:
        return hint
    return next(filter(None, map(_item, typing.get_args(hint))), None)


def request(values: Mapping[str, Any]) -> Request:
    """A request of the given values by key; what is not given is at its default."""
    return Request(**values)


def check(asked: Request) -> None:
    """Raises InputError naming the first option whose value is not valid."""
    for key, option in options().items():
        option.check(getattr(asked, key))
