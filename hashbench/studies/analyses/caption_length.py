"""Is an effect another one on items whose caption is long, or even cut?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashbench.datasets.statistics import TOKEN_LIMIT
from hashbench.errors import InputError
from hashbench.plan import catalog, sweep
from hashbench.report.effects import Effect, effect_of
from hashbench.report.rows import Finished
from hashbench.report.tables import Grid
from hashbench.studies.analyses import Analyser, Analysis, Material
from hashbench.studies.findings import Finding, Scale
from hashbench.studies.study import Expectation

FEWEST_CUT = 20  # queries with a caption that is cut, to look at them apart

Values = NDArray[np.float64]
Bools = NDArray[np.bool_]


class CaptionLength(Analyser, frozen=True):
    """The effect of `rows` over `against` on queries with long captions minus that on short ones.

    Long are captions that are cut; where hardly any is, those above the median length.
    """

    claim: str
    rows: dict[str, Any]
    against: dict[str, Any]
    metric: str = "mAP@all"
    direction: str = "t2i"
    expect: Expectation = "different"

    def analyse(self, material: Material) -> Analysis:
        """Both effects, and their difference as a claim."""
        rows, against = (
            {run.spec.seed: run for run in material.finished if sweep.matches(run.spec, side)}
            for side in (self.rows, self.against)
        )
        seeds = sorted(rows.keys() & against.keys())
        missing = len(material.specs) - len(material.finished)
        if not seeds:
            finding = Finding(
                self.claim, "long and short captions", self.metric, self.expect, Scale.POINTS,
                None, missing=missing,
            )  # fmt: skip
            return Analysis("caption length", "", findings=[finding])
        differences, queries = self._differences(rows, against, seeds, material)
        lengths = caption_tokens(rows[seeds[0]], queries, material)
        scored = ~np.isnan(differences).all(axis=0)
        differences, lengths = differences[:, scored], lengths[scored]
        long, how = long_captions(lengths)
        finding = Finding(
            claim=self.claim,
            label=f"{how} against the others",
            outcome=self.metric,
            expect=self.expect,
            scale=Scale.POINTS,
            effect=between_groups(differences, long),
            equal=("the runs themselves",),
            missing=missing,
        )
        groups = {how: long, "the others": ~long}
        effects = {name: effect_of(differences[:, chosen]) for name, chosen in groups.items()}
        table = [
            [name, f"{int(groups[name].sum()):,}", f"{lengths[groups[name]].mean():.1f}",
             f"{100 * effect.difference:+.2f}"]
            for name, effect in effects.items()
        ]  # fmt: skip
        headers = ("queries", "number", "mean tokens", "effect, points")
        cut = f"{(lengths > TOKEN_LIMIT).mean():.1%} of the captions are longer than {TOKEN_LIMIT}"
        notes = [f"{cut} tokens and are cut"]
        grid = Grid.of(headers, table, words=1, title="effect by caption length", notes=notes)
        return Analysis("caption length", "", [grid], [finding])

    def _differences(
        self,
        rows: dict[int, Finished],
        against: dict[int, Finished],
        seeds: list[int],
        material: Material,
    ) -> tuple[Values, tuple[str, ...]]:
        """(S, Q) rows minus against, and the ids of the queries."""
        bits = rows[seeds[0]].spec.bits[0]
        made, ids = [], set()
        for seed in seeds:
            pair = [
                material.outcomes.measured(side[seed], self.metric, bits, (self.direction,))
                for side in (rows, against)
            ]
            one, other = pair
            if one is None or other is None or one.queries != other.queries:
                raise InputError("the runs rank different queries", where=self.claim)
            made.append(one.values - other.values)
            ids.add(one.queries)
        if len(ids) != 1:
            raise InputError("seeds rank different queries", where=self.claim)
        return np.array(made), ids.pop()


def caption_tokens(run: Finished, queries: tuple[str, ...], material: Material) -> Values:
    """(Q,) tokens of the caption by which each query is encoded, its first."""
    from hashbench.backbones.token_count import count_tokens

    wanted = run.spec.dataset
    card = catalog.dataset(wanted.name, material.data_dir)
    dataset = catalog.load(card.entry)(material.data_dir, wanted.params)
    place = {item: number for number, item in enumerate(dataset.ids)}
    captions = [dataset.captions[place[query]][0] for query in queries]
    return np.asarray(count_tokens(captions), dtype=np.float64)


def long_captions(lengths: Values) -> tuple[Bools, str]:
    """(Q,) which captions are long, and what they are called. Raises InputError if all are one."""
    cut = lengths > TOKEN_LIMIT
    if min(int(cut.sum()), int((~cut).sum())) >= FEWEST_CUT:
        return cut, "captions that are cut"
    median = float(np.median(lengths))
    long = lengths > median
    if not long.any():
        raise InputError("all captions have the same length", where="caption-length")
    return long, f"captions of more than {median:.0f} tokens"


def between_groups(differences: Values, chosen: Bools) -> Effect:
    """The mean over the chosen queries minus that over the others, of differences (S, Q).

    Both groups are centred and weighed so that the mean over all queries is that contrast for each
    seed, and the variance over queries that within the groups.
    """
    queries = differences.shape[1]
    contrast = np.empty_like(differences)
    inside, outside = differences[:, chosen], differences[:, ~chosen]
    overall = inside.mean() - outside.mean()
    contrast[:, chosen] = queries / inside.shape[1] * (inside - inside.mean()) + overall
    contrast[:, ~chosen] = -queries / outside.shape[1] * (outside - outside.mean()) + overall
    return effect_of(contrast)
