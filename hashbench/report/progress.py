"""How far something is that takes a while, told as (steps done, of how many)."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]

STEPS = 1000
"""Of a whole that consists of parts, whatever these count."""


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def part(progress: Progress, number: int, count: int) -> Progress:
    """Progress within one of `count` parts that take about the same, `number` from 0."""
    return lambda done, total: progress(int(STEPS * (number + done / total) / count), STEPS)
