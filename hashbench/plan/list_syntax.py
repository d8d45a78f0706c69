"""Lists as people type them: `16,32,64`, `0-4`, or an option given several times."""

from __future__ import annotations

from collections.abc import Sequence

from hashbench.errors import InputError

MAX_VALUES = 10_000


def words(texts: Sequence[str]) -> list[str]:
    """The values of an option that may be repeated and may hold commas."""
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def integers(texts: Sequence[str], option: str) -> list[int]:
    """As `words`, as whole numbers; `0-4` means 0,1,2,3,4. Raises InputError."""
    values: list[int] = []
    for word in words(texts):
        first, dash, last = word.partition("-")
        try:
            low = int(first)
            high = int(last) if dash else low
        except ValueError:
            raise InputError(
                f"{word!r} is not a whole number", where=option, remedy=f"such as {option} 16,32,64"
            ) from None
        # counted, not spanned: a mistyped end may be larger than any list
        if len(values) + high - low + 1 > MAX_VALUES:
            raise InputError(
                f"{word!r} is more than {MAX_VALUES:,} values", where=option, remedy="ask for less"
            )
        values += range(low, high + 1)
    return values


def joined(values: Sequence[object]) -> str:
    """The values with commas, as `words` and `integers` read them; 0,1,2 becomes 0-2."""
    whole = [value for value in values if type(value) is int]
    if len(values) > 2 and values == list(range(whole[0], whole[0] + len(values)) if whole else ()):
        return f"{whole[0]}-{whole[-1]}"
    return ",".join(value_text(value) for value in values)


def value_text(value: object) -> str:
    """One value as a person types it: yes and no, numbers that read back as the same number."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)
