"""Strict and published runs side by side: what a published protocol is worth, and what it leaks.

Nothing is ranked here: a code that was made with labels does not compete with one that was not.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hashbench.report.comparison import DEFAULT_METRIC, Row, Table, Task, compare, system_name
from hashbench.report.rows import Condition, Finished, Variant


@dataclass(frozen=True)
class GapRow:
    """One bit length and direction of a variant, and its row in the table of either protocol; None
    where there is no such run.
    """

    variant: Variant
    task: Task
    strict: Row | None
    published: Row | None

    @property
    def difference(self) -> float | None:
        """Published mean minus strict mean."""
        if self.strict is None or self.published is None:
            return None
        return self.published.cells[self.task].mean - self.strict.cells[self.task].mean


@dataclass(frozen=True)
class EncoderAudit:
    """The audits of a variant's runs under one protocol: how many of `runs` were clean, and the
    share of bits that changed, mean over runs. `paired` is None for fused codes.
    """

    variant: Variant
    protocol: str
    runs: int
    clean: int
    labels: float
    paired: float | None
    batch: float


@dataclass(frozen=True)
class ProtocolGap:
    """Runs that differ in protocol, variant, seed and directions alone. `table` is one of theirs,
    for what they share.
    """

    table: Table
    rows: tuple[GapRow, ...]
    audits: tuple[EncoderAudit, ...]


def protocol_gaps(
    finished: Sequence[Finished], metric: str = DEFAULT_METRIC, *, read_codes: bool = True
) -> list[ProtocolGap]:
    """One for each dataset, split, backbone and way to choose the epoch; `read_codes` as in
    `hashbench.report.comparison.compare`. Raises InputError for a name that is no metric.
    """
    groups: dict[Condition, list[Finished]] = {}
    for run in finished:
        groups.setdefault(_shared(run.condition), []).append(run)
    return [_protocol_gap(group, metric, read_codes=read_codes) for group in groups.values()]


def _shared(condition: Condition) -> Condition:
    return replace(condition, protocol="strict and published", task="any")


def _protocol_gap(runs: Sequence[Finished], metric: str, *, read_codes: bool) -> ProtocolGap:
    by_task: dict[tuple[Variant, Task], dict[str, Row]] = {}
    compared = compare(runs, metric, read_codes=read_codes)
    for table in compared:
        for row in table.rows:
            for task in sorted(row.cells):
                by_task.setdefault((row.variant, task), {})[table.condition.protocol] = row
    shared = replace(compared[0], condition=_shared(compared[0].condition), rows=())
    rows = [
        GapRow(variant, task, by_protocol.get("strict"), by_protocol.get("published"))
        for (variant, task), by_protocol in by_task.items()
    ]
    return ProtocolGap(shared, tuple(rows), tuple(_audits(runs)))


def _audits(runs: Sequence[Finished]) -> Iterator[EncoderAudit]:
    groups: dict[tuple[Variant, str], list[Finished]] = {}
    for run in runs:
        groups.setdefault((run.variant, run.spec.protocol), []).append(run)
    for (variant, protocol), group in sorted(groups.items(), key=_strict_first):
        audits = [run.result.audit for run in group]
        paired = [audit.paired for audit in audits if audit.paired is not None]
        yield EncoderAudit(
            variant=variant,
            protocol=protocol,
            runs=len(audits),
            clean=sum(audit.clean for audit in audits),
            labels=statistics.fmean(audit.labels for audit in audits),
            paired=statistics.fmean(paired) if paired else None,
            batch=statistics.fmean(audit.batch for audit in audits),
        )


def _strict_first(entry: tuple[tuple[Variant, str], list[Finished]]) -> tuple[str, str, str, bool]:
    variant, protocol = entry[0]
    return variant.method, variant.labels, variant.changes, protocol != "strict"


def gap_sentences(compared: Sequence[Table]) -> list[str]:
    """A sentence for each variant that has a row under both protocols, all else equal: how far its
    published means lie above its strict ones, in points.
    """
    sentences = []
    for strict, published in _row_pairs(compared):
        points = [
            f"{bits} {direction} {100 * (published.cells[bits, direction].mean - cell.mean):+.2f}"
            for (bits, direction), cell in sorted(strict.cells.items())
            if (bits, direction) in published.cells
        ]
        if points:
            name = system_name(strict.variant)
            sentences.append(
                f"what the published protocol adds to {name}, in points: {', '.join(points)}"
            )
    return sentences


def _row_pairs(compared: Sequence[Table]) -> Iterator[tuple[Row, Row]]:
    """(strict row, published row) of each variant that was run under both."""
    strict = {t.condition: t for t in compared if t.condition.protocol == "strict"}
    for table in compared:
        other = strict.get(replace(table.condition, protocol="strict"))
        if table.condition.protocol == "strict" or other is None:
            continue
        known = {row.variant: row for row in other.rows}
        yield from ((known[row.variant], row) for row in table.rows if row.variant in known)
