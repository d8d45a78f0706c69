"""What the runs of a study say to one claim: an effect, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hashbench.report.effects import Effect
from hashbench.report.significance import holm
from hashbench.studies.study import Expectation

ALPHA = 0.05
FEWEST_SEEDS = 3
"""Below, the spread over seeds is not known well enough for the promised rate of false claims."""


class Reading(StrEnum):
    """How an effect is read against what the claim expects."""

    SHOWN = "shown"
    OPPOSITE = "the opposite is shown"
    NOT_SHOWN = "not shown"
    FEW_SEEDS = "undecided: too few seeds"
    MISSING = "undecided: runs are missing"


class Scale(StrEnum):
    """What an effect is given in."""

    POINTS = "points"
    PLAIN = "plain"
    CORRELATION = "correlation"

    def shown(self, value: float) -> float:
        """A value of the effect as people read it; correlations are averaged as Fisher's z."""
        match self:
            case Scale.POINTS:
                return 100 * value
            case Scale.CORRELATION:
                return math.tanh(value)
            case _:
                return value

    def text(self, value: float, *, signed: bool = True) -> str:
        """The value with as many digits as mean something, without its unit."""
        shown = self.shown(value)
        sign = "+" if signed else ""
        if self is Scale.PLAIN:
            return f"{shown:{sign}.4g}"
        # a sum with zero is never a negative zero
        return f"{round(shown, 2) + 0.0:{sign}.2f}"


@dataclass(frozen=True)
class Finding:
    """One claim, one setting against one other.

    `p` is that of the claim; `adjusted` the same after Holm's correction over `family` claims of
    the study. `means` are those of the two settings. `equal` says what was held equal. `missing`
    runs of its pairs are not finished.
    """

    claim: str
    label: str
    outcome: str
    expect: Expectation
    scale: Scale
    effect: Effect | None
    margin: float = 0.0
    means: tuple[float, float] | None = None
    equal: tuple[str, ...] = ()
    missing: int = 0
    adjusted: float | None = None
    family: int = 1

    @property
    def p(self) -> float | None:
        """The p-value before correction: of no difference, or of one beyond the margin."""
        if self.effect is None or self.effect.seeds < FEWEST_SEEDS:
            return None
        return self.effect.p_within(self.margin) if self.expect == "equal" else self.effect.p

    @property
    def reading(self) -> Reading:
        """Needs an interval apart from zero, or within the margin, and a corrected p < ALPHA."""
        effect = self.effect
        if effect is None or effect.low is None or effect.high is None:
            return Reading.MISSING if self.missing or effect is None else Reading.FEW_SEEDS
        if effect.seeds < FEWEST_SEEDS:
            return Reading.FEW_SEEDS
        if self.adjusted is None or self.adjusted >= ALPHA:
            return Reading.NOT_SHOWN
        if self.expect == "equal":
            inside = -self.margin < effect.low and effect.high < self.margin
            return Reading.SHOWN if inside else Reading.NOT_SHOWN
        if effect.low <= 0 <= effect.high:
            return Reading.NOT_SHOWN
        wanted = {"higher": effect.low > 0, "lower": effect.high < 0, "different": True}
        return Reading.SHOWN if wanted[self.expect] else Reading.OPPOSITE


def corrected(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with p-values corrected by Holm's procedure over all of them."""
    (adjusted,) = holm([[finding.p for finding in findings]])
    family = sum(p is not None for p in adjusted)
    return [
        replace(finding, adjusted=p, family=family)
        for finding, p in zip(findings, adjusted, strict=True)
    ]
