"""Strict and published runs side by side: what a published protocol is worth, and what it leaks.

Nothing is ranked here: a code that was made with labels does not compete with one that was not.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from hashbench.report.comparison import DEFAULT_METRIC, Column, Row, Table, compare
from hashbench.report.export import cell_text, footnotes, title, variant_name
from hashbench.report.rows import Condition, Finished, Variant
from hashbench.report.text import plain

FORMATS = ("table", "md")
NONE = "-"


@dataclass(frozen=True)
class Line:
    """One bit length and direction of a variant, and its row in the table of either protocol; None
    where there is no such run.
    """

    variant: Variant
    column: Column
    strict: Row | None
    published: Row | None

    @property
    def difference(self) -> float | None:
        """Published mean minus strict mean."""
        if self.strict is None or self.published is None:
            return None
        return self.published.cells[self.column].mean - self.strict.cells[self.column].mean


@dataclass(frozen=True)
class Leak:
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
class Sides:
    """Runs that differ in protocol, variant, seed and directions alone. `table` is one of theirs,
    for what they share.
    """

    table: Table
    lines: tuple[Line, ...]
    leaks: tuple[Leak, ...]


def sides(finished: Sequence[Finished], metric: str = DEFAULT_METRIC) -> list[Sides]:
    """One for each dataset, split, backbone and way to choose the epoch. Raises InputError for a
    name that is no metric.
    """
    runs: dict[Condition, list[Finished]] = {}
    for run in finished:
        runs.setdefault(_shared(run.condition), []).append(run)
    return [_sides(group, metric) for group in runs.values()]


def _shared(condition: Condition) -> Condition:
    return replace(condition, protocol="strict and published", task="any")


def _sides(runs: Sequence[Finished], metric: str) -> Sides:
    rows: dict[tuple[Variant, Column], dict[str, Row]] = {}
    tables = compare(runs, metric)
    for table in tables:
        for row in table.rows:
            for column in sorted(row.cells):
                rows.setdefault((row.variant, column), {})[table.condition.protocol] = row
    first = replace(tables[0], condition=_shared(tables[0].condition), rows=())
    lines = [
        Line(variant, column, found.get("strict"), found.get("published"))
        for (variant, column), found in rows.items()
    ]
    return Sides(first, tuple(lines), tuple(_leaks(runs)))


def _leaks(runs: Sequence[Finished]) -> Iterator[Leak]:
    audited: dict[tuple[Variant, str], list[Finished]] = {}
    for run in runs:
        audited.setdefault((run.variant, run.spec.protocol), []).append(run)
    for (variant, protocol), group in sorted(audited.items(), key=_strict_first):
        audits = [run.result.audit for run in group]
        paired = [audit.paired for audit in audits if audit.paired is not None]
        yield Leak(
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


SCORES = ("method", "codes", "strict", "published", "difference")
AUDITS = ("method", "protocol", "clean runs", "labels", "paired modality", "batch")
MEANING = (
    "mean ± sample standard deviation over seeds; difference: points of the published mean above "
    "the strict one. ! marks codes made with what no query has at hand, see the audit below: they "
    "are not ranked with strict ones, nor is mm (one code of image and text) with i2t and t2i"
)
AUDIT_MEANING = (
    "audit of the encoder: share of bits that change when labels, paired modality or batch are "
    "exchanged, all else equal; zero is clean"
)


def score_rows(found: Sides) -> list[list[str]]:
    """The cells of a table of `SCORES`."""
    return [
        [
            _name(line.variant),
            f"{line.column[0]} {line.column[1]}",
            _marked(line.strict, line.column),
            _marked(line.published, line.column),
            NONE if line.difference is None else f"{100 * line.difference:+.2f}",
        ]
        for line in found.lines
    ]


def audit_rows(found: Sides) -> list[list[str]]:
    """The cells of a table of `AUDITS`."""
    return [
        [
            _name(leak.variant),
            leak.protocol,
            f"{leak.clean} of {leak.runs}",
            f"{leak.labels:.2%}",
            NONE if leak.paired is None else f"{leak.paired:.2%}",
            f"{leak.batch:.2%}",
        ]
        for leak in found.leaks
    ]


def _name(variant: Variant) -> str:
    return variant_name(variant) + (f" ({variant.labels})" if variant.labels else "")


def _marked(row: Row | None, column: Column) -> str:
    if row is None:
        return NONE
    return cell_text(row.cells[column]) + (" !" if row.marks else "")


def _notes(found: Sides) -> list[str]:
    return [*footnotes(found.table), MEANING]


def rich_sides(every: Sequence[Sides]) -> RenderableType:
    """For a terminal."""
    parts: list[RenderableType] = []
    for number, found in enumerate(every, 1):
        parts += [
            Text(title(found.table, number), style="bold"),
            _grid(SCORES, score_rows(found)),
            *(Text(note, style="dim") for note in _notes(found)),
            Text(),
            _grid(AUDITS, audit_rows(found)),
            Text(AUDIT_MEANING, style="dim"),
            Text(),
        ]
    return Group(*parts)


def _grid(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> RichTable:
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, header in enumerate(headers):
        grid.add_column(header, justify="left" if position < 2 else "right")
    for row in rows:
        grid.add_row(*(Text(plain(part)) for part in row))
    return grid


def markdown(every: Sequence[Sides]) -> str:
    """Markdown tables."""
    lines: list[str] = []
    for number, found in enumerate(every, 1):
        lines += [f"**{title(found.table, number)}**", "", *_pipes(SCORES, score_rows(found)), ""]
        lines += [*_notes(found), "", *_pipes(AUDITS, audit_rows(found)), "", AUDIT_MEANING, ""]
    return "\n".join(lines[:-1])


def _pipes(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[plain(part).replace("|", "\\|") for part in row] for row in (headers, *rows)]
    cells.insert(1, ["---", "---", *["---:"] * (len(headers) - 2)])
    return [f"| {' | '.join(row)} |" for row in cells]
