"""Does the order of methods depend on how items at one distance are ordered?"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats

from hashbench.report.tables import Grid
from hashbench.studies.analyses import Analyser, Analysis, Material
from hashbench.studies.settings import by_setting

RULES = ("expected", "index", "best", "worst")


class TieRules(Analyser, frozen=True):
    """The settings of a study, ranked by one metric under every tie rule."""

    metric: str = "mAP@all"

    def analyse(self, material: Material) -> Analysis:
        """Ranks under each rule, Kendall's tau with the expected order, and who changes places."""
        means: dict[str, list[float]] = {}
        for name, runs in by_setting(material.finished).items():
            values = [
                [material.outcomes.mean(run, f"{self.metric}(tie={rule})") for rule in RULES]
                for run in runs
            ]
            means[name] = np.mean(np.array(values, dtype=float), axis=0).tolist()
        if len(means) < 2:
            return Analysis("tie rules", "Fewer than two settings are finished: nothing to order.")
        names = sorted(means, key=lambda name: -means[name][0])
        table = np.array([means[name] for name in names])
        ranks = (-table).argsort(axis=0).argsort(axis=0) + 1
        rows = [
            [name, *(f"{v:.4f} ({r})" for v, r in zip(table[row], ranks[row], strict=True))]
            for row, name in enumerate(names)
        ]
        taus = {
            rule: float(stats.kendalltau(table[:, 0], table[:, column]).statistic)
            for column, rule in enumerate(RULES)
        }
        swaps = [
            f"{names[a]} and {names[b]} under {rule}"
            for column, rule in enumerate(RULES)
            for a, b in itertools.combinations(range(len(names)), 2)
            if table[a, column] < table[b, column]
        ]
        width = float(np.max(table[:, 2] - table[:, 3]))
        gap = float(np.min(np.diff(-table[:, 0])))
        order = (
            f"changes under a tie rule: {'; '.join(swaps)}"
            if swaps
            else "is the same under all tie rules"
        )
        sentence = (
            f"The order of {len(names)} settings {order} (the widest range from the worst order "
            f"of ties to the best is {100 * width:.2f} points, the closest two settings lie "
            f"{100 * gap:.2f} points apart)."
        )
        note = "Kendall's tau with the order under expected: "
        note += ", ".join(f"{rule} {tau:.3f}" for rule, tau in taus.items())
        grid = Grid.of(
            ("setting", *RULES), rows, words=1, title=f"{self.metric} (rank)", notes=[note]
        )
        numbers = {"means": means, "tau": taus, "swaps": swaps}
        return Analysis("tie rules", sentence, [grid], numbers=numbers)
