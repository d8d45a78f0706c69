"""Kinds of run options: how a value is typed, read from a file, checked, and put into a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import list_syntax
from hashbench.plan.card import KINDS, Value, value_from_text
from hashbench.plan.list_syntax import value_text

NO_ABLATION = "none"
"""What is typed for the choice of no ablation."""


@dataclass(frozen=True)
class RunOption:
    """A row of the table.

    `key`, `item` (the type of one value) and `default` come from the field of the table. `low` and
    `high` are inclusive, `above` is exclusive; `check_value(value, where)` raises InputError for
    what these cannot tell. `spec` is the place in RunSpec, such as `labels.noise`; epochs alone
    have none. `unset` says in words what None or an empty text means. `grid` options may have
    several values; where `commas` is off, a comma belongs to the value and the option is repeated.
    `picked` options are chosen from lists in the workbench's form, or have fields of their own.
    Options with a `built_in` value are decided by the preset where they are None; this is the value
    of the built-in preset.
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
    built_in: Any = None
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

    @property
    def default_words(self) -> str:
        """The default in words, for help; empty where there is none."""
        if self.built_in is None:
            return self.default_text or self.unset
        built_in = "none" if self.built_in == "" else value_text(self.built_in)
        return f"the preset's; built-in: {built_in}"

    def text(self, value: Any) -> str:
        """One value or several as typed."""
        values = self.values(value)
        return list_syntax.joined(values) if self.commas else value_text(values[0])

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
            if self.default is None:
                return None
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
        if value in (None, "") or values == self.values(self.default):
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
                if name == NO_ABLATION:  # a flat list is one choice: `none` can be none of it
                    raise InputError(
                        "no ablation is an empty list; in a grid each choice is a list",
                        where=f"{where}: {self.key}",
                        remedy=f'such as {self.key} = [[], ["no-CSA"]]',
                    )
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
