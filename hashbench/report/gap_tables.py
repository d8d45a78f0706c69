"""Strict and published runs side by side, as tables: scores with their difference, then audits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from hashbench.report import export, tables
from hashbench.report.comparison import Row, Task, system_name
from hashbench.report.protocol_gap import EncoderAudit, GapRow, ProtocolGap
from hashbench.report.rows import Variant
from hashbench.report.tables import NONE, Grid

FORMATS = ("table", "md")

SCORE_HEADERS = ("method", "codes", "strict", "published", "difference")
AUDIT_HEADERS = ("method", "protocol", "clean runs", "labels", "paired modality", "batch")
SCORE_NOTE = (
    "mean ± sample standard deviation over seeds or folds; difference: points of the published "
    "mean above the strict one. ! marks codes made with what no query has at hand, see the audit "
    "below: they are not ranked with strict ones, nor is mm (one code of image and text) with i2t "
    "and t2i"
)
AUDIT_NOTE = (
    "audit of the encoder: share of bits that change when labels, paired modality or batch are "
    "exchanged, all else equal; zero is clean"
)


def grids(gaps: Sequence[ProtocolGap]) -> Iterator[Grid]:
    """Two for each: the scores, and the audits of the encoders."""
    for number, gap in enumerate(gaps, 1):
        yield Grid.of(
            SCORE_HEADERS,
            [_score_cells(row) for row in gap.rows],
            words=2,
            title=export.title(gap.table, number),
            notes=[*export.footnotes(gap.table), SCORE_NOTE],
        )
        yield Grid.of(
            AUDIT_HEADERS, [_audit_cells(one) for one in gap.audits], words=2, notes=[AUDIT_NOTE]
        )


def _score_cells(row: GapRow) -> list[str]:
    return [
        _name(row.variant),
        f"{row.task[0]} {row.task[1]}",
        _marked(row.strict, row.task),
        _marked(row.published, row.task),
        NONE if row.difference is None else f"{100 * row.difference:+.2f}",
    ]


def _audit_cells(audit: EncoderAudit) -> list[str]:
    return [
        _name(audit.variant),
        audit.protocol,
        f"{audit.clean} of {audit.runs}",
        f"{audit.labels:.2%}",
        NONE if audit.paired is None else f"{audit.paired:.2%}",
        f"{audit.batch:.2%}",
    ]


def _name(variant: Variant) -> str:
    return system_name(variant) + (f" ({variant.labels})" if variant.labels else "")


def _marked(row: Row | None, task: Task) -> str:
    if row is None:
        return NONE
    return export.cell_text(row.cells[task]) + (" !" if row.marks else "")


def rich_gaps(gaps: Sequence[ProtocolGap]) -> RenderableType:
    """For a terminal."""
    return tables.for_terminal(list(grids(gaps)))


def markdown(gaps: Sequence[ProtocolGap]) -> str:
    """Markdown tables."""
    return tables.for_markdown(list(grids(gaps)))
