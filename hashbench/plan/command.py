"""A request as the `hashbench run` command that means the same."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields

from hashbench.plan.card import Value
from hashbench.plan.request import LISTS, Request


def command_words(request: Request) -> list[str]:
    """The words of the command; what is at its default is left out."""
    found = ["hashbench", "run"]
    defaults = Request()
    for field in fields(Request):
        value = getattr(request, field.name)
        if field.name == "set":
            for name, one in value.items():
                found += ["--set", f"{name}={_text(one)}"]
        elif value is not None and _differs(value, getattr(defaults, field.name)):
            option = "--" + field.name.replace("_", "-")
            found += [option, _joined(value) if field.name in LISTS else _text(value)]
    return found


def command_line(request: Request) -> str:
    """The command as one would type it into a shell."""
    return shlex.join(command_words(request))


def _differs(value: object, default: object) -> bool:
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return list(value) != list(default)
    return value != default


def _joined(values: Sequence[Value]) -> str:
    """Values with commas; three or more whole numbers in a row as a range."""
    if len(values) > 2 and all(type(value) is int for value in values):
        first, last = int(values[0]), int(values[-1])
        if list(values) == list(range(first, last + 1)):
            return f"{first}-{last}"
    return ",".join(_text(value) for value in values)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)
