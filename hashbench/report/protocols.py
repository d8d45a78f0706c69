"""What a published protocol is worth: the same method, strict and as published, subtracted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hashbench.report.comparison import Row, Table
from hashbench.report.text import plain


def pairs(tables: Sequence[Table]) -> Iterator[tuple[Row, Row]]:
    """(strict row, published row) of each variant that was run under both, all else equal."""
    strict = {t.condition: t for t in tables if t.condition.protocol == "strict"}
    for table in tables:
        other = strict.get(replace(table.condition, protocol="strict"))
        if table.condition.protocol == "strict" or other is None:
            continue
        known = {row.variant: row for row in other.rows}
        yield from ((known[row.variant], row) for row in table.rows if row.variant in known)


def worth(tables: Sequence[Table]) -> list[str]:
    """A sentence a variant: how far its published means lie above its strict ones, in points."""
    lines = []
    for strict, published in pairs(tables):
        told = []
        for (bits, direction), cell in sorted(strict.cells.items()):
            if (bits, direction) in published.cells:
                more = published.cells[bits, direction].mean - cell.mean
                told.append(f"{bits} {direction} {100 * more:+.2f}")
        name = " ".join(part for part in (strict.variant.method, strict.variant.changes) if part)
        if told:
            lines.append(
                plain(f"what the published protocol adds to {name}, in points: {', '.join(told)}")
            )
    return lines
