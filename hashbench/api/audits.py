"""The leak audit of codes that a program holds."""

from __future__ import annotations

import os

from hashbench.api.arrays import CodesLike, LabelsLike, retrieval_task
from hashbench.codefiles.convert import Binarize, LabelsAs, Zero
from hashbench.codefiles.load import RetrievalTask
from hashbench.metrics.leakage import Evidence, Verdict, gather, judge
from hashbench.report import leaks
from hashbench.report.notebook import rich_html, rich_text


class CodeAudit:
    """What codes and labels alone tell about label input: evidence, never proof."""

    def __init__(self, task: RetrievalTask, evidence: Evidence) -> None:
        self.evidence = evidence
        self._audited = leaks.AuditedCodes(task, evidence, judge(evidence))

    @property
    def verdict(self) -> Verdict:
        """Consistent with label input, no sign of label input, or not decidable."""
        return self._audited.finding.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, one sentence each."""
        return self._audited.finding.reasons

    def _page(self) -> leaks.Audit:
        return leaks.Audit(self._audited.task.source, (self._audited,))

    def __repr__(self) -> str:
        return f"<{self.verdict}: {'; '.join(self.reasons)}>"

    def __str__(self) -> str:
        return rich_text(leaks.rich_audit(self._page()))

    def _repr_html_(self) -> str:
        return rich_html(leaks.rich_audit(self._page()))


def audit_codes(
    query: CodesLike,
    database: CodesLike,
    query_labels: LabelsLike,
    database_labels: LabelsLike,
    *,
    binarize: Binarize = "",
    zero: Zero = "refuse",
    labels_as: LabelsAs = "",
    seed: int = 0,
    threads: int | None = None,
) -> CodeAudit:
    """Whether codes know more of the labels than their items show (`hashbench.metrics.leakage`).

    Arguments are those of `evaluate`; `seed` draws the sample where there are many items.

    >>> import hashbench, numpy
    >>> draw = numpy.random.default_rng(0)
    >>> labels = draw.random((900, 10)) < 0.25
    >>> leaked = (labels @ draw.normal(size=(10, 64))) > 0.5  # a function of the labels alone
    >>> hashbench.audit_codes(leaked[:200], leaked[200:], labels[:200], labels[200:]).verdict
    'consistent with label input'
    """
    task = retrieval_task(
        query,
        database,
        query_labels,
        database_labels,
        binarize=binarize,
        zero=zero,
        labels_as=labels_as,
    )
    evidence = gather(
        task.query,
        task.database,
        task.query_labels,
        task.database_labels,
        seed=seed,
        threads=threads or os.cpu_count() or 1,
    )
    return CodeAudit(task, evidence)
