"""Do the statistics hold? Coverage of the bootstrap interval, false alarms of the paired test.

`python tests/survival/null_data.py` prints JSON. The values are average precisions that the
evaluator gives to codes which are the labels with a share of the bits flipped. The interval is
asked whether it holds the mean over 20,000 queries, of which it sees a sample; the test compares
two systems of one quality, whose bits are flipped anew, so that every alarm is a false one.
"""

from __future__ import annotations

import argparse
import json
import math
import sys

import numpy as np
from numpy.typing import NDArray

from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.metrics.significance import bootstrap_interval, paired_randomisation

POPULATION, DATABASE, CLASSES, REPEATS = 20_000, 500, 8, 4
QUERIES = (25, 100, 400)
ALPHA = 0.05

Values = NDArray[np.float64]


def average_precisions(seed: int, noise: float = 0.25) -> tuple[Values, Values]:
    """(n,) of two systems of one quality, on the same queries, those without a relevant item left
    out.
    """
    draw = np.random.default_rng(seed)
    query, database = (draw.random((n, CLASSES)) < 0.25 for n in (POPULATION, DATABASE))
    labels = [LabelMasks.from_multi_hot(part) for part in (query, database)]
    flips = draw.random((DATABASE, CLASSES * REPEATS)) < noise
    ranked = Codes.from_signs(np.tile(database, (1, REPEATS)) ^ flips)
    values = []
    for _ in range(2):
        flips = draw.random((POPULATION, CLASSES * REPEATS)) < noise
        asked = Codes.from_signs(np.tile(query, (1, REPEATS)) ^ flips)
        (score,) = evaluate(asked, ranked, *labels, [parse_metric("mAP@all")])
        values.append(np.asarray(score.per_query, np.float64))
    kept = np.isfinite(values[0])
    return values[0][kept], values[1][kept]


def coverage(values: Values, queries: int, simulations: int, method: str, resamples: int) -> float:
    """Share of samples whose 95 % interval holds the mean over all queries."""
    draw = np.random.default_rng(queries)
    mean = values.mean()
    held = 0
    for number in range(simulations):
        sample = values[draw.integers(0, len(values), queries)]
        interval = bootstrap_interval(
            sample,
            seed=number,
            resamples=resamples,
            method=method,  # type: ignore[arg-type]
        )
        held += interval.low <= mean <= interval.high
    return held / simulations


def false_alarms(a: Values, b: Values, queries: int, simulations: int, permutations: int) -> float:
    """Share of samples on which the test calls the two systems different at p < 0.05."""
    draw = np.random.default_rng(queries)
    alarms = 0
    for number in range(simulations):
        rows = draw.integers(0, len(a), queries)
        test = paired_randomisation(a[rows], b[rows], seed=number, permutations=permutations)
        alarms += test.p_value < ALPHA
    return alarms / simulations


def figures(simulations: int, draws: int, queries: tuple[int, ...] = QUERIES) -> dict[str, object]:
    """Both shares for each number of queries, and what luck alone may do to them."""
    a, b = average_precisions(1)
    # the systems share the queries' labels, but which is which must not matter
    swapped = np.random.default_rng(2).random(len(a)) < 0.5
    a, b = np.where(swapped, b, a), np.where(swapped, a, b)
    return {
        "simulations": simulations,
        "luck (two standard deviations)": 2 * math.sqrt(ALPHA * (1 - ALPHA) / simulations),
        "coverage of bca": {q: coverage(a, q, simulations, "bca", draws) for q in queries},
        "coverage of percentile": {
            q: coverage(a, q, simulations, "percentile", draws) for q in queries
        },
        "false alarms": {q: false_alarms(a, b, q, simulations, draws) for q in queries},
    }


def main() -> None:
    """The figures of the guide."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=10_000)
    arguments = parser.parse_args()
    found = figures(arguments.simulations, arguments.draws)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
