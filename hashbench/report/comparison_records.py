"""Comparison tables as plain values, for CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hashbench.report.comparison import Table
from hashbench.report.floors import Floor
from hashbench.report.probe_verdicts import ProbeVerdict

CSV_HEADER = (
    "table",
    "dataset",
    "split",
    "backbone",
    "protocol",
    "select",
    "method",
    "changes",
    "labels",
    "bits",
    "direction",
    "metric",
    "mean",
    "deviation",
    "seeds",
    "folds",
    "repeats",
    "floor",
    "floor_is",
    "marks",
    "p",
)


def cell_records(every: Sequence[Table]) -> list[dict[str, Any]]:
    """One record for each cell, with all that its number depends on; its keys are CSV_HEADER."""
    return [
        {
            "table": number,
            "dataset": table.condition.dataset,
            "split": table.condition.split,
            "backbone": table.condition.backbone,
            "protocol": table.condition.protocol,
            "select": table.condition.select,
            **vars(row.variant),
            "bits": bits,
            "direction": direction,
            "metric": table.metric,
            "mean": cell.mean,
            "deviation": cell.deviation,
            "seeds": row.seeds if cell.folds else len(cell.values),
            "folds": len(cell.folds),
            "repeats": row.repeats,
            "floor": table.floor.by_bits.get(bits),
            "floor_is": _floor_is(table.floor),
            "marks": "; ".join(row.marks),
            "p": cell.p,
        }
        for number, table in enumerate(every, 1)
        for row in table.rows
        for (bits, direction), cell in sorted(row.cells.items())
    ]


def _floor_is(floor: Floor) -> str:
    return "expected value under random codes" if floor.expected else "share of relevant pairs"


def plain_table(table: Table) -> dict[str, Any]:
    """Everything that a table holds."""
    return {
        "condition": vars(table.condition),
        "metric": table.metric,
        "floors": dict(table.floor.by_bits),
        "floor_is": _floor_is(table.floor),
        "ceiling": [
            {"bits": bits, "direction": direction, "value": value}
            for (bits, direction), value in table.ceiling.items()
        ],
        "probe_verdicts": [_plain_verdict(verdict) for verdict in table.verdicts],
        "sizes": table.sizes,
        "without_relevant": table.without_relevant,
        "folds": table.folds,
        "baseline": None if table.baseline is None else vars(table.baseline),
        "rows": [
            {
                **vars(row.variant),
                "marks": row.marks,
                "towers": row.towers,
                "runs": row.runs,
                "seeds": row.seeds,
                "repeats": row.repeats,
                "scores": [
                    {
                        "bits": bits,
                        "direction": direction,
                        "values": cell.values,
                        "folds": cell.folds,
                        "mean": cell.mean,
                        "deviation": cell.deviation,
                        "best": cell.best,
                        "p": cell.p,
                    }
                    for (bits, direction), cell in sorted(row.cells.items())
                ],
            }
            for row in table.rows
        ],
    }


def _plain_verdict(verdict: ProbeVerdict) -> dict[str, Any]:
    return {
        "row": vars(verdict.variant),
        "probe": vars(verdict.probe),
        "beats": not verdict.lost,
        "columns": [
            {
                "bits": bits,
                "direction": direction,
                **vars(against),
                "beats": against.beats,
            }
            for (bits, direction), against in verdict.columns.items()
        ],
    }
