"""Lists as people type them: `16,32,64`, `0-4`, or an option given several times."""

from __future__ import annotations

from collections.abc import Sequence

from hashbench.errors import InputError

MAX_VALUES = 10_000


def words(values: Sequence[str] | None) -> list[str]:
    """The values of an option that may be repeated and may hold commas."""
    return [part.strip() for value in values or [] for part in value.split(",") if part.strip()]


def numbers(values: Sequence[str] | None, option: str) -> list[int]:
    """As `words`, as whole numbers; `0-4` means 0,1,2,3,4. Raises InputError."""
    found: list[int] = []
    for word in words(values):
        low, dash, high = word.partition("-")
        try:
            wanted = range(int(low), int(high) + 1) if dash else range(int(low), int(low) + 1)
        except ValueError:
            raise InputError(
                f"{word!r} is not a whole number", where=option, remedy=f"such as {option} 16,32,64"
            ) from None
        if len(found) + len(wanted) > MAX_VALUES:
            raise InputError(f"{word!r} is more than {MAX_VALUES} values", where=option)
        found += wanted
    return found


def reals(values: Sequence[str] | None, option: str) -> list[float]:
    """As `words`, as numbers. Raises InputError."""
    try:
        return [float(word) for word in words(values)]
    except ValueError:
        raise InputError(
            f"{','.join(values or [])!r} is not a number", where=option, remedy=f"{option} 0.3"
        ) from None
