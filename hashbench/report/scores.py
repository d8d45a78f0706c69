"""Scores of code files as a table for terminals, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.codefiles.load import RetrievalTask
from hashbench.codefiles.scores import Line, ScoredCodes, record
from hashbench.metrics.metric import Metric
from hashbench.metrics.significance import PairedTest
from hashbench.report.text import plain

FORMATS = ("table", "md", "csv", "json")

_TIE_WORDS = {
    "expected": "the mean over all orders within ties",
    "index": "ties in database order",
    "best": "the kindest order within ties",
    "worst": "the harshest order within ties",
}


def rich_table(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> RenderableType:
    """For a terminal: one row for each set of codes and metric, conventions below."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    headers = _headers(scored)
    for number, header in enumerate(headers):
        text = number < 2
        table.add_column(
            header,
            justify="left" if text else "right",
            overflow="fold",
            no_wrap=not text,
            min_width=10 if text else None,
            style="bold" if header == "value" else "",
        )
    for codes in scored:
        for number, line in enumerate(codes.lines):
            cells = _cells(codes, line, headers)
            table.add_row(*(Text("" if number and i == 0 else c) for i, c in enumerate(cells)))
    return Group(table, *(Text(note) for note in [*explain(scored), *map(plain, notes)]))


def markdown(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> str:
    """A Markdown table with its notes."""
    headers = _headers(scored)
    lines = [f"| {' | '.join(headers)} |", f"|{'---|' * len(headers)}"]
    for codes in scored:
        for line in codes.lines:
            cells = [cell.replace("|", "\\|") for cell in _cells(codes, line, headers)]
            lines.append(f"| {' | '.join(cells)} |")
    bullets = [f"- {note}" for note in [*explain(scored), *map(plain, notes)]]
    return "\n".join([*lines, "", *bullets])


def comma_separated(scored: Sequence[ScoredCodes]) -> str:
    """One line for each metric, with all that its number depends on."""
    records = [record(codes, line) for codes in scored for line in codes.lines]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def as_json(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> str:
    """Everything, for machines."""
    return json.dumps(
        {
            "scores": [record(codes, line) for codes in scored for line in codes.lines],
            "notes": [*notes, *(note for codes in scored for note in codes.task.notes)],
        },
        indent=1,
    )


def _headers(scored: Sequence[ScoredCodes]) -> list[str]:
    lines = [line for codes in scored for line in codes.lines]
    extra = ["95% interval"] if any(line.interval for line in lines) else []
    return ["codes", "metric", "value", "ties", "index", "floor", *extra]


def _cells(codes: ScoredCodes, line: Line, headers: Sequence[str]) -> list[str]:
    ties = line.ties
    cells = {
        "codes": name_of(codes.task),
        "metric": str(line.metric),
        "value": f"{line.score.value:.4f}",
        "ties": f"{ties['worst']:.4f}-{ties['best']:.4f}" if ties else "none",
        "index": f"{ties['index']:.4f}" if ties else "",
        "floor": "" if line.score.floor is None else f"{line.score.floor:.4f}",
    }  # fmt: skip
    if line.interval is not None:
        cells["95% interval"] = f"{line.interval.low:.4f}-{line.interval.high:.4f}"
    return [cells.get(header, "") for header in headers]


def name_of(task: RetrievalTask) -> str:
    """File, direction and bits; of a `codes` folder, the folder that it is in."""
    path = Path(task.source)
    file = path.parent.name if path.name == "codes" else path.name
    return plain(" ".join(filter(None, (file or ".", task.direction, f"{task.query.bits} bits"))))


def explain(scored: Sequence[ScoredCodes]) -> list[str]:
    """What the numbers count, and what the codes look like."""
    notes = [
        f"{metric}: {conventions(metric)}"
        for metric in dict.fromkeys(line.metric for codes in scored for line in codes.lines)
    ]
    notes.append(
        "ties: worst to best order within ties; index: database order; floor: a random ranking"
    )
    for codes in scored:
        task, query, database = codes.task, codes.query_facts, codes.database_facts
        name = name_of(task)
        first = codes.lines[0].score if codes.lines else None
        notes.append(
            plain(
                f"{name}: {query.items:,} queries"
                + (f" ({first.without_relevant:,} without a relevant item)" if first else "")
                + f", {database.items:,} database items, {codes.relevant_share:.2%} of pairs "
                f"relevant; distinct codes {query.distinct:,} and {database.distinct:,}; bit "
                f"balance {database.balance:.3f} (0 even, 1 constant), {database.constant} "
                "constant bits"
            )
        )
        for line in codes.lines:
            if line.score.empty_balls is not None:
                share = f"{line.score.empty_balls:.2%}"
                notes.append(f"{name}: {line.metric}: {share} of queries find nothing")
            if line.against is not None:
                notes.append(f"{name}: {line.metric}: {_comparison(line.against)}")
        notes += [plain(f"{name}: {note}") for note in task.notes]
    return list(dict.fromkeys(notes))


def _comparison(test: PairedTest) -> str:
    return (
        f"{test.difference:+.4f} against the other codes, p = {test.p_value:.4f} "
        f"({test.queries:,} queries, {test.permutations:,} permutations)"
    )


def conventions(metric: Metric) -> str:
    """The conventions of a metric in words."""
    parts = {
        "all": "whole ranking",
        "rank": f"first {metric.number} ranks",
        "first": f"up to the first {metric.number} relevant items",
        "radius": f"within Hamming radius {metric.number}",
    }
    words = [parts[metric.cut]]
    if (metric.kind, metric.cut) == ("mAP", "rank"):
        words.append(
            "divided by the hits" if metric.denominator == "hits" else "divided by min(K, R)"
        )
    if metric.kind == "nDCG":
        words.append("gain 2^shared - 1" if metric.gain == "exp" else "gain: labels shared")
    if metric.has_ties:
        words.append(_TIE_WORDS[metric.tie])
    words.append(
        "queries without relevant items left out"
        if metric.empty == "exclude"
        else "queries without relevant items count as 0"
    )
    if metric.distance == "adsh":
        words.append("distance: 7 for a byte whose 8 bits all differ")
    return ", ".join(words)
