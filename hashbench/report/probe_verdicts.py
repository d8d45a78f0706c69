"""Does a trained method beat probe codes, the signs of a linear classifier's scores?

Probe codes are the floor of supervised hashing on the same features. A trained row that is not
above them in every column is said not to beat them: by its mean, or, where it was tested
(`hashbench.report.probe_test`), by its mean and a p-value below 0.05.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashbench.plan import catalog

if TYPE_CHECKING:
    from hashbench.report.comparison import Row, Task
    from hashbench.report.rows import Variant

PROBE = "probe"
SURE = 0.05
"""The p-value below which a difference counts."""


@dataclass(frozen=True)
class Against:
    """One column of a row beside the probe's: both means, and the p-value of their difference,
    corrected for all comparisons (Holm); None where it was not tested.
    """

    mean: float
    probe: float
    p: float | None = None

    @property
    def beats(self) -> bool:
        """Whether the row is above the probe, surely so where that was tested."""
        return self.mean > self.probe and (self.p is None or self.p < SURE)


@dataclass(frozen=True)
class ProbeVerdict:
    """A trained row against the best row of probe codes whose training knew the same labels."""

    variant: Variant
    probe: Variant
    columns: Mapping[Task, Against]

    @property
    def lost(self) -> dict[Task, Against]:
        """The columns in which the row does not beat the probe."""
        return {task: against for task, against in self.columns.items() if not against.beats}


def challengers(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(row, probe row) of each row that has to beat probe codes: its method trains, and with
    labels. Of several probe rows that saw as many labels as the row, the best one is taken.
    """
    pairs = []
    for row in rows:
        card = catalog.methods().get(row.variant.method)
        if card is None or not (row.runs and card.supervised and card.epoch_params):
            continue
        probes = [
            other
            for other in rows
            if other.variant.method == PROBE
            and other.contest == row.contest
            and row.cells.keys() & other.cells.keys()
        ]
        if probes:
            pairs.append((row, max(probes, key=_mean)))
    return pairs


def _mean(row: Row) -> float:
    return statistics.fmean(cell.mean for cell in row.cells.values())


def by_means(
    rows: Sequence[Row], p: Mapping[tuple[Variant, Task], float] | None = None
) -> tuple[ProbeVerdict, ...]:
    """The verdicts on a table's rows, by means, and by `p` where there is one."""
    tested = p or {}
    return tuple(
        ProbeVerdict(
            row.variant,
            probe.variant,
            {
                task: Against(cell.mean, probe.cells[task].mean, tested.get((row.variant, task)))
                for task, cell in sorted(row.cells.items())
                if task in probe.cells
            },
        )
        for row, probe in challengers(rows)
    )


def after_test(rows: Sequence[Row], baseline: Variant) -> tuple[ProbeVerdict, ...]:
    """The verdicts on rows that were tested against `baseline`; none where that is no probe."""
    if baseline.method != PROBE:
        return ()
    p = {
        (row.variant, task): cell.p
        for row, probe in challengers(rows)
        if probe.variant == baseline
        for task, cell in row.cells.items()
        if cell.p is not None
    }
    return by_means(rows, p)


def sentences(verdicts: Sequence[ProbeVerdict], names: Mapping[Variant, str]) -> list[str]:
    """The verdicts in words, a line for each row that does not beat its probe; `names` are those of
    the table's rows.
    """
    lines = []
    winners = [names[verdict.variant] for verdict in verdicts if not verdict.lost]
    for verdict in verdicts:
        lost = verdict.lost
        if not lost:
            continue
        whole = len(lost) == len(verdict.columns)
        where = "" if whole else f" in {len(lost)} of {len(verdict.columns)} columns"
        worst = max(lost.items(), key=lambda item: item[1].probe - item[1].mean)
        (bits, direction), against = worst
        luck = " beyond luck" if against.mean > against.probe else ""
        lines.append(
            f"{names[verdict.variant]} does not beat {names[verdict.probe]}{luck}{where}: "
            f"{against.mean:.4f} against {against.probe:.4f} at {bits} {direction}"
            + ("" if against.p is None else f", p = {against.p:.2g}")
        )
    if winners:
        lines.append(f"above probe codes in every column: {', '.join(winners)}")
    if verdicts:
        lines.append(_how([one for v in verdicts for one in v.columns.values()]))
    return lines


def _how(columns: Sequence[Against]) -> str:
    if any(against.p is None for against in columns):
        return (
            "probe codes are signs of a linear classifier's scores on the same features, the floor "
            "of supervised hashing; means alone were compared, --versus probe tests them"
        )
    return (
        "probe codes are signs of a linear classifier's scores on the same features, the floor of "
        f"supervised hashing; beaten: a higher mean and p < {SURE:g}, paired randomisation test "
        "over queries, corrected for all comparisons (Holm)"
    )
