"""Timing within bounds: small pieces of work first, larger ones as long as there is time."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

BUDGET = 24.0
"""Seconds that one estimate may measure for, besides what cannot be cut short."""

GROWTH = 4
"""How much larger each piece of work is than the one before."""

Work = Callable[[], object]


@dataclass
class Budget:
    """The time that an estimate may take, from now on."""

    total: float = field(default_factory=lambda: BUDGET)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def share(self, part: float) -> float:
        """Seconds for a measurement that may take this part of it all, if so much is left."""
        return max(0.0, min(part * self.total, self.total - (time.monotonic() - self._began)))


@dataclass(frozen=True)
class Timed:
    """Seconds of pieces of work by their size; `most` is the size that is asked about."""

    taken: Mapping[int, float]
    most: int

    @property
    def largest(self) -> int:
        return max(self.taken)

    @property
    def whole(self) -> bool:
        """Whether the size that is asked about was measured itself."""
        return self.largest == self.most

    @property
    def each(self) -> float:
        """Seconds of one of many."""
        return self.taken[self.largest] / self.largest

    @property
    def seconds(self) -> float:
        """Of the size that is asked about: measured, or along a line through the two largest."""
        return line(self.taken if len(self.taken) > 1 else {0: 0.0, **self.taken}, self.most)


def line(values: Mapping[int, float], at: int) -> float:
    """The value at a size: what was measured, or along a line through the two largest sizes that
    were; never less than the last.
    """
    first, last = sorted(values)[-2:]
    slope = (values[last] - values[first]) / (last - first)
    return values[last] + max(0.0, slope) * (at - last)


def timed(prepare: Callable[[int], Work], most: int, budget: float, least: int = 1) -> Timed:
    """Times `prepare(size)()` for growing sizes, up to `most`, until the next one would take longer
    than is left of `budget` seconds. What `prepare` itself does is not timed.

    The first piece is done twice, since it does things that are done once; where it alone takes the
    whole budget, that is the measurement, and too long rather than too short.
    """
    size = min(least, most)
    spent = seconds(prepare(size))
    if spent > budget:
        return Timed({size: spent}, most)
    taken: dict[int, float] = {}
    while True:
        taken[size] = seconds(prepare(size))
        spent += taken[size]
        larger = min(GROWTH * size, most)
        if larger == size or spent + taken[size] * larger / size > budget:
            return Timed(taken, most)
        size = larger


def seconds(work: Work) -> float:
    """Of a piece of work, on whatever device it runs."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def peak_memory() -> int:
    """Bytes of memory of this process at most, since `forget_peak`."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak() -> None:
    """Counts the peak anew. Where the system does not let a process do so, the peak stays that of
    all before, which makes what follows seem to need no more.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
