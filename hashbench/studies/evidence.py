"""From finished runs to what they say to a contrast: paired by seed, and query by query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hashbench.errors import InputError
from hashbench.report.effects import effect_of
from hashbench.report.naming import label_text
from hashbench.report.rows import Finished
from hashbench.studies.findings import Finding, Scale
from hashbench.studies.outcomes import Outcomes, in_points
from hashbench.studies.pairing import Contrast

if TYPE_CHECKING:
    pass

_Scored = tuple[Finished, Finished, tuple[int, int]]
"""Two runs, and the bit length at which each of them is looked at."""


def finding_of(contrast: Contrast, finished: Mapping[str, Finished], outcomes: Outcomes) -> Finding:
    """What finished runs, by the hash of their specs, say to a contrast.

    The difference of a query is the mean over bit lengths and directions. Raises InputError where
    the two sides rank different queries.
    """
    import numpy as np

    comparison = contrast.comparison
    by_seed: dict[int, list[_Scored]] = {}
    planned: dict[int, int] = {}
    for pair in contrast.pairs:
        planned[pair.seed] = planned.get(pair.seed, 0) + 1
        row, against = finished.get(pair.row.hash), finished.get(pair.against.hash)
        if row is not None and against is not None:
            by_seed.setdefault(pair.seed, []).append((row, against, pair.bits))
    # a seed of which a bit length is missing would weigh the others differently
    whole = {seed: pairs for seed, pairs in by_seed.items() if len(pairs) == planned[seed]}
    differences, sides, used = [], [], []
    for pairs in whole.values():
        values = [_values(outcomes, contrast, *pair) for pair in pairs]
        if any(value is None for value in values):
            continue
        both = np.array([value for value in values if value is not None])  # (pairs, 2, queries)
        differences.append(np.mean(both[:, 0] - both[:, 1], axis=0))
        sides.append(np.nanmean(both, axis=(0, 2)))
        used += pairs
    wanted = {spec.hash for pair in contrast.pairs for spec in (pair.row, pair.against)}
    scale = Scale.POINTS if in_points(comparison.outcome) else Scale.PLAIN
    means = np.mean(sides, axis=0).tolist() if sides else None
    return Finding(
        claim=comparison.claim,
        label=contrast.label,
        outcome=comparison.outcome,
        expect=comparison.expect,
        scale=scale,
        effect=effect_of(np.array(differences)) if differences else None,
        margin=comparison.margin,
        means=(means[0], means[1]) if means else None,
        equal=_equal(contrast, used) if used else (),
        missing=len(wanted - finished.keys()),
    )


def _values(
    outcomes: Outcomes, contrast: Contrast, row: Finished, against: Finished, bits: int
) -> object:
    """(2, queries) of one pair, None where one of them has no such outcome."""
    import numpy as np

    comparison = contrast.comparison
    _check_same_task(row, against, contrast.freed)
    shared = [d for d in row.result.directions if d in against.result.directions]
    directions = comparison.directions or shared
    one, other = (
        outcomes.measured(run, comparison.outcome, length, directions)
        for run, length in zip((row, against), bits, strict=True)
    )
    if one is None or other is None or not directions:
        return None
    if one.queries != other.queries:
        raise InputError(
            "the runs rank different queries, so they cannot be paired",
            where=f"{row.run.id}, {against.run.id}",
        )
    return np.stack([one.values, other.values])


def _check_same_task(row: Finished, against: Finished, freed: frozenset[str]) -> None:
    """Raises InputError where the data or its features were others, though the specs agree."""
    one, other = row.condition, against.condition
    checked = ["dataset", "fingerprint"]
    checked += [] if "backbone.name" in freed else ["features"]
    # a run that selects by the test queries fits the validation queries as well
    checked += [] if "holdout" in freed else ["split"]
    differing = [name for name in checked if getattr(one, name) != getattr(other, name)]
    if differing:
        raise InputError(
            f"the runs differ in {', '.join(differing)}",
            where=f"{row.run.id}, {against.run.id}",
            remedy="files of the dataset or its weights changed between them: run both anew",
        )


def _equal(contrast: Contrast, used: Sequence[_Scored]) -> tuple[str, ...]:
    """What both sides had in common, in words."""
    run, freed = used[0][0], contrast.freed
    condition, spec = run.condition, run.spec
    lengths = sorted({length for _, _, bits in used for length in bits})
    labels = label_text(spec) or "all labels known"
    parts = {
        "dataset": f"{spec.dataset.name} (split {condition.split})",
        "backbone.name": condition.backbone,
        "protocol": f"{condition.protocol} protocol",
        "select": f"epoch chosen by {condition.select}",
        "bits": f"{', '.join(map(str, lengths))} bits",
        "labels.known_ratio": labels,
        "params": f"the other parameters of {spec.method}",
    }
    changed = {key.partition(".")[0] for key in freed if key.startswith(("labels.", "dataset."))}
    kept = {key: text for key, text in parts.items() if key not in freed}
    if "labels" in changed:
        kept.pop("labels.known_ratio", None)
    return tuple(kept.values())
