"""Two outcomes of the same runs: do they go together, and does one exceed the other?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import stats

from hashbench.errors import InputError
from hashbench.report.effects import effect_of
from hashbench.report.rows import Finished
from hashbench.report.tables import Grid
from hashbench.studies.analyses import Analyser, Analysis, Material
from hashbench.studies.findings import Finding, Scale
from hashbench.studies.outcomes import Outcomes, in_points, is_event
from hashbench.studies.study import Expectation

FEWEST_SETTINGS = 4  # of one seed, for a rank correlation to say anything
_NEAR_ONE = 0.999  # Fisher's z of a correlation of 1 is infinite


def outcome_of(run: Finished, outcome: str, outcomes: Outcomes) -> float | None:
    """One number of a run: what it wrote of itself, or a metric, mean over what it has."""
    return outcomes.value(run, outcome) if is_event(outcome) else outcomes.mean(run, outcome)


class Correlation(Analyser, frozen=True):
    """The rank correlation of two outcomes over the settings of a study.

    It is computed for each seed over the settings that the study spans, so that seeds, which are
    independent of each other, give the interval (of Fisher's z): runs of one setting are not
    independent, and taking all runs together would count them as if they were. Seeds that agree
    on the whole order are no proof of it: z of n settings varies by 1.06 / (n - 3) at least
    (Fieller, Hartley and Pearson 1957).
    """

    claim: str
    x: str
    y: str = "mAP@all"
    expect: Expectation = "higher"

    def analyse(self, material: Material) -> Analysis:
        """The correlation of each seed, and the claim that there is one."""
        points: dict[int, list[tuple[float, float]]] = {}
        for run in material.finished:
            x, y = (outcome_of(run, name, material.outcomes) for name in (self.x, self.y))
            if x is not None and y is not None:
                points.setdefault(run.spec.seed, []).append((x, y))
        # of a seed that lacks settings the order is another one
        planned = Counter(spec.seed for spec in material.specs)
        whole = {seed: pairs for seed, pairs in points.items() if len(pairs) == planned[seed]}
        ranked = {seed: _rank(pairs) for seed, pairs in whole.items()}
        by_seed = {seed: r for seed, r in ranked.items() if r is not None}
        settings = min((len(points[seed]) for seed in by_seed), default=FEWEST_SETTINGS)
        z = [math.atanh(max(-_NEAR_ONE, min(_NEAR_ONE, r))) for r in by_seed.values()]
        finding = Finding(
            claim=self.claim,
            label=f"{_called(self.x)} and {_called(self.y)}",
            outcome="rank correlation",
            expect=self.expect,
            scale=Scale.CORRELATION,
            effect=effect_of(np.array(z)[:, None], least_variance=1.06 / (settings - 3))
            if z
            else None,
            equal=("the settings of each seed",),
            missing=len(material.specs) - len(material.finished),
        )
        rows = [
            [str(seed), str(len(points[seed])), f"{r:+.3f}"] for seed, r in sorted(by_seed.items())
        ]
        headers = ("seed", "settings", "rank correlation")
        grid = Grid.of(headers, rows, words=1, title=finding.label)
        numbers = {"x": self.x, "y": self.y, "points": points, "by_seed": by_seed}
        return Analysis("correlation", "", [grid], [finding], numbers)


def _called(outcome: str) -> str:
    """An outcome as people call it, without the kind of event that holds it."""
    return outcome.partition(" ")[2] if is_event(outcome) else outcome


def _rank(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's correlation, None where it is not defined."""
    x, y = zip(*pairs, strict=True)
    if len(pairs) < FEWEST_SETTINGS or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    return float(stats.spearmanr(x, y).statistic)


class TwoOutcomes(Analyser, frozen=True):
    """Two values that the same runs wrote of themselves, one minus the other."""

    claim: str
    outcome: str
    minus: str
    expect: Expectation = "higher"

    def analyse(self, material: Material) -> Analysis:
        """A claim for each setting of the study: the difference over its seeds."""
        settings: dict[str, list[tuple[float, float]]] = {}
        for run in material.finished:
            one, other = (
                outcome_of(run, name, material.outcomes) for name in (self.outcome, self.minus)
            )
            if one is not None and other is not None:
                name = " ".join(filter(None, (run.variant.labels, run.variant.changes)))
                settings.setdefault(name or run.spec.method, []).append((one, other))
        if not settings and len(material.finished) == len(material.specs):
            raise InputError(f"no run has {self.outcome!r} and {self.minus!r}", where=self.claim)
        points = in_points(self.outcome) and in_points(self.minus)
        findings = [
            Finding(
                claim=self.claim,
                label=name,
                outcome=f"{_called(self.outcome)} minus {_called(self.minus)}",
                expect=self.expect,
                scale=Scale.POINTS if points else Scale.PLAIN,
                effect=effect_of(np.array([[one - other] for one, other in values])),
                means=(_mean(one for one, _ in values), _mean(other for _, other in values)),
                equal=("the run itself",),
                missing=len(material.specs) - len(material.finished),
            )
            for name, values in settings.items()
        ]
        return Analysis(f"{self.outcome} and {self.minus}", "", findings=findings)


def _mean(values: object) -> float:
    return float(np.mean(list(values)))  # type: ignore[call-overload]
