"""Scores of code files as tables for terminals, Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType

from hashbench.codefiles.load import RetrievalTask
from hashbench.codefiles.scores import MetricScore, ScoredCodes, record
from hashbench.metrics.metric import Metric
from hashbench.metrics.significance import PairedTest
from hashbench.report import tables
from hashbench.report.tables import Cell, Grid
from hashbench.report.text import plain

FORMATS = ("table", "md", "csv", "json")

_TIE_WORDS = {
    "expected": "the mean over all orders within ties",
    "index": "ties in database order",
    "best": "the kindest order within ties",
    "worst": "the harshest order within ties",
}
TIES_NOTE = (
    "ties: worst to best order within ties; index: database order; floor: the expected value of "
    "random codes on the same queries"
)
NOT_COMPARABLE = (
    "tables are not comparable with each other: their queries or database items have other labels"
)


def rich_table(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> RenderableType:
    """For a terminal: one row for each set of codes and metric, conventions below; one table for
    each set of labels, since only scores by equal labels are comparable.
    """
    return tables.for_terminal(_grids(scored, terminal=True), _closing(scored, notes))


def markdown(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> str:
    """Markdown tables with their notes."""
    return tables.for_markdown(_grids(scored), _closing(scored, notes))


def html(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> str:
    """HTML tables with their notes, for notebooks."""
    return tables.for_html(_grids(scored), _closing(scored, notes))


def comma_separated(scored: Sequence[ScoredCodes]) -> str:
    """One line for each metric, with all that its number depends on."""
    records = [record(codes, one) for codes in scored for one in codes.scores]
    return tables.for_csv(records, list(records[0]))


def as_json(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> str:
    """Everything, for machines."""
    stated = [note for codes in scored for note in codes.task.notes]
    return tables.for_json(
        {
            "scores": [record(codes, one) for codes in scored for one in codes.scores],
            "notes": [*notes, *stated, *([NOT_COMPARABLE] if len(by_labels(scored)) > 1 else [])],
        }
    )


def by_labels(scored: Sequence[ScoredCodes]) -> list[list[ScoredCodes]]:
    """The codes that were scored by the same labels, together."""
    groups: dict[str, list[ScoredCodes]] = {}
    for codes in scored:
        groups.setdefault(codes.labels, []).append(codes)
    return list(groups.values())


def _grids(scored: Sequence[ScoredCodes], *, terminal: bool = False) -> list[Grid]:
    groups = by_labels(scored)
    grids = []
    for number, group in enumerate(groups, 1):
        headers = _headers(group)
        rows: list[tuple[Cell, ...]] = []
        above = ""
        for codes in group:
            for place, one in enumerate(codes.scores):
                file, task, *others = _cells(codes, one, headers)
                # in a terminal the eye finds the name above; elsewhere each row has its own
                if terminal and place:
                    task = ""
                if terminal and (place or file == above):
                    file = ""
                else:
                    above = file
                rows.append(tuple(map(Cell, (file, task, *others))))
        title = f"{number}. {_sizes(group[0])}" if len(groups) > 1 else ""
        grids.append(Grid(tuple(headers), tuple(rows), 3, title, notes=tuple(explain(group))))
    return grids


def _sizes(codes: ScoredCodes) -> str:
    task = codes.task
    return f"{len(task.query):,} queries, {len(task.database):,} database items"


def _closing(scored: Sequence[ScoredCodes], notes: Sequence[str]) -> list[str]:
    warnings = [NOT_COMPARABLE] if len(by_labels(scored)) > 1 else []
    return [*notes, *warnings]


def _headers(scored: Sequence[ScoredCodes]) -> list[str]:
    intervals = any(one.interval for codes in scored for one in codes.scores)
    extra = ["95% interval"] if intervals else []
    return ["codes", "task", "metric", "value", "ties", "index", "floor", *extra]


def _cells(codes: ScoredCodes, one: MetricScore, headers: Sequence[str]) -> list[str]:
    ties = one.ties
    cells = {
        "codes": _file_of(codes.task),
        "task": _task_of(codes.task),
        "metric": str(one.metric),
        "value": f"{one.score.value:.4f}",
        "ties": f"{ties['worst']:.4f}-{ties['best']:.4f}" if ties else "none",
        "index": f"{ties['index']:.4f}" if "index" in ties else "",
        "floor": "" if one.score.floor is None else f"{one.score.floor:.4f}",
    }  # fmt: skip
    if one.interval is not None:
        cells["95% interval"] = f"{one.interval.low:.4f}-{one.interval.high:.4f}"
    return [cells.get(header, "") for header in headers]


def name_of(task: RetrievalTask) -> str:
    """File, direction and bits."""
    return f"{_file_of(task)} {_task_of(task)}"


def _file_of(task: RetrievalTask) -> str:
    """The name of the file; of a `codes` folder, that of the folder that it is in."""
    path = Path(task.source)
    return plain((path.parent.name if path.name == "codes" else path.name) or ".")


def _task_of(task: RetrievalTask) -> str:
    return plain(" ".join(filter(None, (task.direction, f"{task.query.bits} bits"))))


def explain(scored: Sequence[ScoredCodes]) -> list[str]:
    """What the numbers count, and what the codes look like."""
    metrics = dict.fromkeys(one.metric for codes in scored for one in codes.scores)
    notes = [f"{metric}: {conventions(metric)}" for metric in metrics]
    notes.append(TIES_NOTE)
    for codes in scored:
        notes += _about(codes)
    return list(dict.fromkeys(notes))


def _about(codes: ScoredCodes) -> list[str]:
    """Items and codes of one task, then what is to be said of single scores."""
    task, query, database = codes.task, codes.query_facts, codes.database_facts
    name = name_of(task)
    first = codes.scores[0].score if codes.scores else None
    notes = [
        f"{name}: {query.items:,} queries"
        + (f" ({first.without_relevant:,} without a relevant item)" if first else "")
        + f", {database.items:,} database items, {codes.relevant_share:.2%} of pairs "
        f"relevant; distinct codes {query.distinct:,} and {database.distinct:,}; bit "
        f"balance {database.balance:.3f} (0 even, 1 constant), {database.constant} "
        "constant bits"
    ]
    for one in codes.scores:
        if one.score.empty_balls is not None:
            share = f"{one.score.empty_balls:.2%}"
            notes.append(f"{name}: {one.metric}: {share} of queries find nothing")
        if one.against is not None:
            notes.append(f"{name}: {one.metric}: {_tested(one.against)}")
    return [plain(note) for note in (*notes, *(f"{name}: {note}" for note in task.notes))]


def _tested(test: PairedTest) -> str:
    return (
        f"{test.difference:+.4f} against the other codes, p = {test.p_value:.4f} "
        f"({test.queries:,} queries, {test.permutations:,} permutations)"
    )


def conventions(metric: Metric) -> str:
    """The conventions of a metric in words."""
    card = metric.card
    cuts = {
        "all": "whole ranking",
        "rank": f"first {metric.number} ranks",
        "first": f"up to the first {metric.number} relevant items",
        "radius": f"within Hamming radius {metric.number}",
    }
    words = [card.title, cuts[metric.cut]]
    words += [
        option.words[metric.option(option.name)]
        for option in card.options
        if metric.cut in option.cuts and metric.option(option.name) in option.words
    ]
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
