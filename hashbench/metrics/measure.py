"""What a measure says about itself: its card, found by `hashbench.metrics.catalog`.

A measure is a way to score a ranking (mAP, P, R, nDCG); a metric (`hashbench.metrics.metric`) is a
measure with a cut-off and all conventions. A card imports nothing heavy: metric names are parsed
where numpy is not loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.metric import Metric

    Values = NDArray[np.float64]
    Counts = NDArray[np.int64]

Cut = Literal["all", "rank", "first", "radius"]
"""The whole ranking, its first K ranks, up to the first K relevant items, a Hamming radius."""


@dataclass(frozen=True)
class Option:
    """A convention of one measure. The first of `values` is the default, and is not written.

    `cuts` are the cut-offs at which it can be chosen. Written `(name=value)` behind the cut-off, or
    `/value` where `slash` is set. `words` say what each value means, at those cut-offs.
    """

    name: str
    values: tuple[str, ...]
    cuts: tuple[Cut, ...]
    words: Mapping[str, str] = field(default_factory=dict, hash=False)
    slash: bool = False


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One way to score a ranking.

    `per_query(histograms, metric, walk)` gives (Q,) values, 0 for a query without relevant items;
    `walk` is there where ties are in database order, and None otherwise. `graded` measures need
    histograms by the number of shared labels. For the walk, `gains(metric, levels)` is the gain of
    each level and `discounts(depth)` the discount of each rank (0 at [0]); both or neither.
    `random_ball(relevant, items, share)` gives the expected value within a radius under random
    codes, where each of (Q,) `items` is inside with probability `share`; needed by measures with a
    radius. `examples` are metric names worth showing, `reported` those that a run's result holds.
    Values lie between `low` and `high`.
    """

    name: str
    title: str
    cuts: tuple[Cut, ...]
    per_query: Callable[[Histograms, Metric, DatabaseWalk | None], Values]
    examples: tuple[str, ...]
    reported: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    graded: bool = False
    gains: Callable[[Metric, int], Values] | None = None
    discounts: Callable[[int], Values] | None = None
    random_ball: Callable[[Counts, Counts, float], Values] | None = None
    low: float = 0.0
    high: float = 1.0
    higher_is_better: bool = True

    def option(self, name: str) -> Option | None:
        """The option of that name, None where the measure has none."""
        return next((option for option in self.options if option.name == name), None)
