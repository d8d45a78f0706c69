"""Random draws that depend on (seed, index, stream) and on nothing else."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_CHUNK = 256


class SceneRng:
    """A counter-based source of uniform numbers for one purpose of one scene.

    Philox takes (seed, index) as its key and the stream as the top word of its counter, so any
    scene can be made first, last or alone and comes out the same. Only uniform doubles are used:
    they are the part of numpy's random API whose bits do not change between releases.
    """

    def __init__(self, seed: int, index: int, stream: int) -> None:
        """Raises ValueError when seed or index is negative or does not fit 64 bits."""
        if not (0 <= seed < 2**64 and 0 <= index < 2**64):
            raise ValueError(f"seed and index must lie in [0, 2^64), got {seed} and {index}")
        key = np.array([seed, index], dtype=np.uint64)
        counter = np.array([0, 0, 0, stream], dtype=np.uint64)
        self._next = _uniforms(np.random.Philox(key=key, counter=counter)).__next__

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._next()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._next() < probability

    def integer(self, low: int, high: int) -> int:
        """A whole number in [low, high], both ends included."""
        return low + int(self._next() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self._next() * len(options))]

    def weighted(self, options: dict[T, float]) -> T:
        """One of the keys, in proportion to its value."""
        bounds = list(accumulate(options.values()))
        point = self._next() * bounds[-1]
        return next(key for key, bound in zip(options, bounds, strict=True) if point < bound)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher-Yates)."""
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = int(self._next() * (last + 1))
            out[last], out[other] = out[other], out[last]
        return out


def _uniforms(bits: np.random.Philox) -> Iterator[float]:
    generator = np.random.Generator(bits)
    while True:
        yield from generator.random(_CHUNK).tolist()
