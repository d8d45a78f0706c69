"""What the doctor finds: sentences with a level and a remedy, and the verdict they add up to."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec


class Level(enum.StrEnum):
    """How grave a finding is: a `problem` makes results wrong, a `warning` makes them differ."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One sentence about one check, with what to do; `facts` are its figures, for machines."""

    check: str
    level: Level
    message: str
    remedy: str = ""
    facts: dict[str, object] = {}


class Report(msgspec.Struct, frozen=True):
    """All findings about one dataset; `items`, `classes`, `fingerprint` are of what was loaded."""

    dataset: str
    findings: list[Finding]
    items: int = 0
    classes: list[str] = []
    fingerprint: str = ""

    @property
    def worst(self) -> Level:
        order = list(Level)
        return max((finding.level for finding in self.findings), key=order.index, default=Level.OK)

    @property
    def verdict(self) -> str:
        return {
            Level.OK: "sound",
            Level.NOTE: "sound",
            Level.WARNING: "usable, but see the warnings",
            Level.PROBLEM: "not to be used before the problems are solved",
        }[self.worst]


def first_few(names: Sequence[str], most: int = 5) -> str:
    """The first names, and the number of further ones."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
