"""What a contract's checks say: a verdict each, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hashbench.errors import HashbenchError
from hashbench.plan.plugins import error_words


class ContractBrokenError(Exception):
    """A check found that something is not as the contract says; `remedy` is what to do about it."""

    def __init__(self, found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


@dataclass(frozen=True)
class Verdict:
    """How a check went: `passed` is None where another failed that it builds on."""

    check: str
    passed: bool | None
    text: str
    remedy: str = ""

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return {True: "passed", False: "FAILED", None: "not tried"}[self.passed]


class Checks:
    """The checks of one thing, each tried once however often it is asked for.

    `table` maps the name of each check to what it does: it returns what it found in words, and
    raises ContractBrokenError, or whatever the thing that is checked raises. `needs` maps a check
    to the one without which it cannot be tried.
    """

    def __init__(
        self,
        name: str,
        source: str,
        table: Mapping[str, Callable[[], str]],
        needs: Mapping[str, str],
    ) -> None:
        self.name = name
        self.source = source
        self._table = table
        self._needs = needs
        self._verdicts: dict[str, Verdict] = {}

    def __iter__(self) -> Any:
        """The names of the checks, in their order."""
        return iter(self._table)

    def verdict(self, check: str) -> Verdict:
        """How a check went, tried now if it was not before."""
        if check not in self._verdicts:
            self._verdicts[check] = self._try(check)
        return self._verdicts[check]

    def _try(self, check: str) -> Verdict:
        first = self._needs.get(check)
        if first is not None and not self.verdict(first).passed:
            return Verdict(check, None, f"not before {first} passes")
        try:
            return Verdict(check, True, self._table[check]())
        except ContractBrokenError as broken:
            return Verdict(check, False, broken.found, broken.remedy)
        except HashbenchError as error:
            return Verdict(check, False, error.problem, error.remedy or "")
        except Exception as error:  # whatever somebody's code raises is its verdict
            return Verdict(check, False, error_words(error))
