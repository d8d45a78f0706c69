"""What random codes score on the queries of a table: the lower end of its numbers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hashbench.report.rows import Finished


@dataclass(frozen=True)
class Floor:
    """What random codes score, by bit length. `expected`: the expected value of the table's metric
    (`hashbench.metrics.random_floor`); otherwise the share of relevant pairs, which is all that
    results of earlier versions hold.
    """

    by_bits: Mapping[int, float] = field(default_factory=dict)
    expected: bool = True


def floor_of_runs(
    runs: Sequence[Finished], metric: str, lengths: set[int], *, read_codes: bool
) -> Floor:
    """The random floor of each bit length, the mean over folds; what results do not hold is
    computed from codes, where `read_codes`. Raises InputError where codes cannot be read.
    """
    by_fold: dict[int, list[Finished]] = {}
    for run in runs:
        by_fold.setdefault(run.spec.dataset.fold, []).append(run)
    floors = [_of_fold(one, metric, lengths, read_codes=read_codes) for one in by_fold.values()]
    known = lengths.intersection(*(floor.by_bits for floor in floors))
    means = {bits: statistics.fmean(floor.by_bits[bits] for floor in floors) for bits in known}
    return Floor(means, all(floor.expected for floor in floors))


def _of_fold(
    runs: Sequence[Finished], metric: str, lengths: set[int], *, read_codes: bool
) -> Floor:
    """The random floor of each bit length: as stored, or from the labels of any of these runs, all
    of which have the same; or else the share of relevant pairs that earlier versions stored.
    """
    stored = {
        bits: floors[metric]
        for run in runs
        for bits in lengths
        if metric in (floors := run.result.floors.get(str(bits), {}))
    }
    if stored.keys() == lengths:
        return Floor(stored)
    with_codes = next((run for run in runs if any(run.run.codes.glob("*.npz"))), None)
    if read_codes and with_codes is not None:
        return Floor(_from_codes(with_codes, metric, lengths))
    shares = [run.result.floor for run in runs if run.result.floor is not None]
    return Floor(dict.fromkeys(lengths, shares[0]) if shares else {}, expected=False)


def _from_codes(run: Finished, metric: str, lengths: set[int]) -> dict[int, float]:
    from hashbench.codefiles.native import read_codes
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.random_floor import floor_of, relevance_counts

    codes = read_codes(run.run.codes)[0]
    parsed = parse_metric(metric)
    relevance = relevance_counts(
        codes.query_labels, codes.database_labels, graded=parsed.card.graded
    )
    floors = {bits: floor_of(relevance, parsed, bits) for bits in lengths}
    return {bits: value for bits, value in floors.items() if value is not None}
