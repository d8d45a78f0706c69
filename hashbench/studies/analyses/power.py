"""How many seeds does it take to tell two settings apart?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hashbench.report.effects import Effect, effect_of
from hashbench.report.rows import Finished
from hashbench.report.tables import Grid
from hashbench.studies.analyses import Analyser, Analysis, Material
from hashbench.studies.outcomes import Outcomes
from hashbench.studies.settings import by_setting

SEEDS = (3, 5, 10)


class Power(Analyser, frozen=True):
    """Neighbours in the order of all settings: how far apart, and the seeds that show it.

    The variance over seeds and over queries is that of the runs at hand; power is that of the test
    that verdicts use, at 80 %.
    """

    metric: str = "mAP@all"

    def analyse(self, material: Material) -> Analysis:
        """A row for each two neighbours."""
        settings = by_setting(material.finished)
        means = {
            name: float(np.mean([material.outcomes.mean(run, self.metric) for run in runs]))
            for name, runs in settings.items()
        }
        order = sorted(means, key=lambda name: -means[name])
        effects = {
            (better, worse): effect
            for better, worse in pairwise(order)
            if (effect := self._effect(settings[better], settings[worse], material.outcomes))
        }
        if not effects:
            return Analysis("power", "Fewer than two settings have two finished seeds in common.")
        rows = []
        for (better, worse), effect in effects.items():
            needed = effect.seeds_needed()
            rows.append([
                f"{better} over {worse}", f"{100 * effect.difference:+.2f}", str(effect.seeds),
                "more queries" if needed is None else str(needed),
                *(f"{100 * effect.smallest(seeds):.2f}" for seeds in SEEDS),
            ])  # fmt: skip
        headers = ("neighbours", "points", "seeds now", "seeds needed",
                   *(f"smallest with {seeds}" for seeds in SEEDS))  # fmt: skip
        note = "a difference counts as shown with a probability of 80 % at p < 0.05, uncorrected"
        grid = Grid.of(headers, rows, words=1, title="power", notes=[note])
        median = [float(np.median([e.smallest(n) for e in effects.values()])) for n in SEEDS]
        shown = ", ".join(
            f"{100 * size:.2f} with {seeds}" for seeds, size in zip(SEEDS, median, strict=True)
        )
        beyond = sum(effect.seeds_needed() is None for effect in effects.values())
        sentence = f"Differences that show (median of {len(effects)} neighbours, points): {shown}"
        sentence += " seeds"
        if beyond:
            sentence += f"; {beyond} would need more queries, whatever the seeds"
        numbers = {
            f"{better} over {worse}": {
                "points": 100 * effect.difference,
                "seeds_needed": effect.seeds_needed(),
                "smallest": {seeds: effect.smallest(seeds) for seeds in SEEDS},
            }
            for (better, worse), effect in effects.items()
        }
        return Analysis("power", f"{sentence}.", [grid], numbers=numbers)

    def _effect(
        self, better: list[Finished], worse: list[Finished], outcomes: Outcomes
    ) -> Effect | None:
        """Of the seeds that both have; None where there are fewer than two."""
        others = {run.spec.seed: run for run in worse}
        differences = []
        for run in better:
            other = others.get(run.spec.seed)
            shared = [] if other is None else [b for b in run.spec.bits if b in other.spec.bits]
            if other is None or not shared:
                continue
            # one bit length a seed, so that every row is a seed
            one, two = (
                outcomes.measured(each, self.metric, shared[0], ()) for each in (run, other)
            )
            if one is not None and two is not None and one.queries == two.queries:
                differences.append(one.values - two.values)
        return effect_of(np.array(differences)) if len(differences) > 1 else None
