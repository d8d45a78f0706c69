"""Analyses that are no plain comparison of runs; a study names them by kind."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hashbench.errors import InputError, UnknownNameError
from hashbench.studies.outcomes import Outcomes
from hashbench.studies.study import AnalysisPlan

if TYPE_CHECKING:
    from hashbench.plan.spec import RunSpec
    from hashbench.report.rows import Finished
    from hashbench.report.tables import Grid
    from hashbench.studies.findings import Finding

KINDS = {
    "pair-shares": "label_pairs:PairShares",
    "label-sets": "label_pairs:LabelSets",
    "correlation": "correlation:Correlation",
    "two-outcomes": "correlation:TwoOutcomes",
    "search-examples": "search_examples:SearchExamples",
    "tie-rules": "tie_rules:TieRules",
    "power": "power:Power",
    "caption-length": "caption_length:CaptionLength",
}
"""Kind -> where its options and its function are, below this package."""


@dataclass(frozen=True)
class Material:
    """What an analysis may look at: the specs of the study, its finished runs, and the data."""

    specs: Sequence[RunSpec]
    finished: Sequence[Finished]
    outcomes: Outcomes
    data_dir: Path


@dataclass(frozen=True)
class Analysis:
    """What came out: a sentence, tables, claims that are corrected together with the study's
    others, and all numbers for machines.
    """

    title: str
    sentence: str
    grids: Sequence[Grid] = ()
    findings: Sequence[Finding] = ()
    numbers: dict[str, Any] = field(default_factory=dict)


class Analyser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the analyses: the fields are their options, `analyse` is the function."""

    def analyse(self, material: Material) -> Analysis:
        """What the material says. Raises InputError where it cannot say anything."""
        raise NotImplementedError


def check(plan: AnalysisPlan, where: str) -> Analyser:
    """The analysis with its options. Raises InputError for an unknown kind or a wrong option."""
    if plan.kind not in KINDS:
        raise UnknownNameError("analysis", plan.kind, KINDS, where=where)
    module, _, name = KINDS[plan.kind].partition(":")
    found: Callable[..., Analyser] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    try:
        return msgspec.convert(plan.options, found)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        raise InputError(f"{plan.kind}: {error}", where=f"{where}: options") from None
