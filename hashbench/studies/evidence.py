"""From finished runs to what they say to a contrast: paired by seed, and query by query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InputError
from hashbench.report.effects import effect_of
from hashbench.report.naming import label_text
from hashbench.report.rows import Finished
from hashbench.studies.findings import Finding, Scale
from hashbench.studies.outcomes import Outcomes, in_points
from hashbench.studies.pairing import Contrast

_Scored = tuple[Finished, Finished, tuple[int, int]]
"""Two runs, and the bit length at which each of them is looked at."""


def finding_of(contrast: Contrast, finished: Mapping[str, Finished], outcomes: Outcomes) -> Finding:
    """What finished runs, by the hash of their specs, say to a contrast.

    The difference of a query is the mean over bit lengths and directions. Raises InputError where
    runs rank different queries.
    """
    comparison = contrast.comparison
    # (pairs, 2, queries) of each seed
    values = {
        seed: measured
        for seed, pairs in _by_seed(contrast, finished).items()
        if (measured := _values_of(pairs, contrast, outcomes)) is not None
    }
    differences = np.array([np.mean(both[:, 0] - both[:, 1], axis=0) for both in values.values()])
    sides = [np.nanmean(both, axis=(0, 2)) for both in values.values()]
    means = np.mean(sides, axis=0).tolist() if sides else None
    wanted = {spec.hash for pair in contrast.pairs for spec in (pair.row, pair.against)}
    used = next(iter(_by_seed(contrast, finished).values()), [])
    return Finding(
        claim=comparison.claim,
        label=contrast.label,
        outcome=comparison.outcome,
        expect=comparison.expect,
        scale=Scale.POINTS if in_points(comparison.outcome) else Scale.PLAIN,
        effect=effect_of(differences) if len(differences) else None,
        margin=comparison.margin,
        means=(means[0], means[1]) if means else None,
        equal=_equal(contrast, used) if used else (),
        missing=len(wanted - finished.keys()),
    )


def _by_seed(contrast: Contrast, finished: Mapping[str, Finished]) -> dict[int, list[_Scored]]:
    """The pairs of each seed of which all are finished: a seed of which a bit length is missing
    would weigh the others differently.
    """
    planned: dict[int, list[_Scored | None]] = {}
    for pair in contrast.pairs:
        row, against = finished.get(pair.row.hash), finished.get(pair.against.hash)
        both = None if row is None or against is None else (row, against, pair.bits)
        planned.setdefault(pair.seed, []).append(both)
    return {
        seed: [pair for pair in pairs if pair is not None]
        for seed, pairs in planned.items()
        if None not in pairs
    }


def _values_of(
    pairs: Sequence[_Scored], contrast: Contrast, outcomes: Outcomes
) -> NDArray[np.float64] | None:
    """(pairs, 2, queries) of one seed, None where a run has no such outcome."""
    comparison = contrast.comparison
    values, queries = [], set()
    for row, against, bits in pairs:
        _check_same_task(row, against, contrast.freed)
        shared = [d for d in row.result.directions if d in against.result.directions]
        for run, length in zip((row, against), bits, strict=True):
            measured = outcomes.measured(
                run, comparison.outcome, length, comparison.directions or shared
            )
            if measured is None or not shared:
                return None
            values.append(measured.values)
            queries.add(measured.queries)
    if len(queries) > 1:
        raise InputError(
            "the runs rank different queries, so they cannot be paired",
            where=f"{pairs[0][0].run.id}, {pairs[0][1].run.id}",
        )
    return np.array(values).reshape(len(pairs), 2, -1)


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
