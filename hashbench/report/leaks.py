"""Leak audits of code files: as text for terminals, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from hashbench.codefiles.load import RetrievalTask
from hashbench.metrics.leakage import Bucket, Evidence, Finding, Measure, Verdict
from hashbench.report.code_file_tables import name_of
from hashbench.report.tables import Grid, TerminalGrid, for_json
from hashbench.report.text import plain
from hashbench.runs.result import AuditResult


@dataclass(frozen=True, eq=False)
class AuditedCodes:
    """One set of codes: what was measured and what it means."""

    task: RetrievalTask
    evidence: Evidence
    finding: Finding


@dataclass(frozen=True, eq=False)
class Audit:
    """One file or run. `encoder` is the audit of a run's encoder, where there is a run."""

    source: str
    codes: tuple[AuditedCodes, ...]
    encoder: AuditResult | None = None

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict on any of its codes."""
        verdicts = {one.finding.verdict for one in self.codes}
        order: tuple[Verdict, ...] = ("consistent with label input", "no sign of label input")
        return next((verdict for verdict in order if verdict in verdicts), "not decidable")


def rich_audit(audit: Audit) -> RenderableType:
    """The verdict, its reasons, and the numbers behind them."""
    parts: list[RenderableType] = []
    if audit.encoder is not None:
        parts += [Text(line) for line in _encoder_lines(audit.encoder)]
    parts.append(Text(plain(f"{audit.source}: {audit.verdict}"), style="bold"))
    parts += [
        Text(f"  {name_of(one.task)}: {one.finding.verdict}: {'; '.join(one.finding.reasons)}")
        for one in audit.codes
    ]
    measured = [one for one in audit.codes if one.evidence.separation is not None]
    if measured:
        parts += [_measures(measured), Text(MEANING)]
    parts += [_neighbours(audit.codes), Text(NEIGHBOURS_MEANING)]
    return Group(*parts)


MEANING = (
    "separation: how often an item of the same label set is nearer than one whose set is one label "
    "off; spread: distance within a set over distance to sets one label off; structure: 1 where "
    "bits vary independently within a set, more where content moves them together; identical: "
    "items of the same set, and of sets one label off, with the very same code"
)
NEIGHBOURS_MEANING = (
    "Nearest code, by how often the query's label set occurs in the database: exact set, how often "
    "it belongs to an item of the same set (chance: an item at random); of those at most one label "
    "off, the share with the exact set, and what shared classes alone explain (overlap)"
)


def _measures(codes: Sequence[AuditedCodes]) -> RenderableType:
    headers = ("codes", "separation", "spread", "structure", "identical")
    rows = [
        [
            name_of(one.task),
            *map(
                _interval,
                (one.evidence.separation, one.evidence.spread, one.evidence.structure),
            ),
            f"{one.evidence.identical_same:.1%}/{one.evidence.identical_one_off:.1%}",
        ]
        for one in codes
    ]
    return TerminalGrid(Grid.of(headers, rows, words=1))


def _interval(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    return f"{measure.value:.2f} ({measure.low:.2f}-{measure.high:.2f})"


def _neighbours(codes: Sequence[AuditedCodes]) -> RenderableType:
    headers = ("codes", "set occurs", "queries", "exact set", "chance", "of close", "overlap")
    rows = [
        [
            "" if place else name_of(one.task),
            _range(bucket),
            f"{bucket.queries:,}",
            f"{bucket.accuracy:.1%}",
            f"{bucket.chance:.1%}",
            f"{bucket.among_close:.1%}",
            f"{bucket.overlap:.1%}",
        ]
        for one in codes
        for place, bucket in enumerate(one.evidence.buckets)
    ]
    return TerminalGrid(Grid.of(headers, rows, words=1))


def _range(bucket: Bucket) -> str:
    return f"{bucket.least}-{bucket.most}" if bucket.most else f"{bucket.least}+"


def _encoder_lines(encoder: AuditResult) -> list[str]:
    paired = (
        "" if encoder.paired is None else f"with another paired modality {encoder.paired:.2%}, "
    )
    changes = (
        f"  bits that change with permuted labels {encoder.labels:.2%}, {paired}"
        f"with another batch {encoder.batch:.2%}"
    )
    return [f"encoder, on {encoder.sample} items: {encoder.verdict}", changes]


def as_json(audits: Sequence[Audit]) -> str:
    """Everything, for machines."""
    return for_json([_record(audit) for audit in audits])


def _record(audit: Audit) -> dict[str, Any]:
    encoder = audit.encoder
    return {
        "file": audit.source,
        "verdict": audit.verdict,
        "encoder": None
        if encoder is None
        else {
            "verdict": encoder.verdict,
            "clean": encoder.clean,
            "sample": encoder.sample,
            "labels": encoder.labels,
            "paired": encoder.paired,
            "batch": encoder.batch,
        },
        "codes": [
            {
                "direction": one.task.direction,
                "verdict": one.finding.verdict,
                "reasons": one.finding.reasons,
                **_without_nan(asdict(one.evidence)),
            }
            for one in audit.codes
        ],
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124
