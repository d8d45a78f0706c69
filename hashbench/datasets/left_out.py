"""Items that a dataset leaves out because something of them is missing: counts and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


def plural(count: int, one: str, many: str = "") -> str:
    """`1 picture`, `3,000 pictures`; `many` is the plural where it is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def is_complete(parts: Mapping[str, object], left_out: Counter[str]) -> bool:
    """Whether an item has all parts (name -> something true); counts the first one it lacks."""
    for name, part in parts.items():
        if not part:
            left_out[name] += 1
            return False
    return True


def left_out_notes(left_out: Counter[str], total: int, one: str, where: str = "") -> list[str]:
    """How many of `total` items, each called `one`, lack what; the most frequent reason first."""
    reasons = [f"{count:,} without {name}" for name, count in left_out.most_common()]
    if not reasons:
        return []
    place = f"{where}: " if where else ""
    return [f"{place}left out {', '.join(reasons)}, of {plural(total, one)}"]
