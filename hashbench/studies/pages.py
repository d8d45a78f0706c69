"""An answer as one self-contained file: a page of `hashbench report`, the verdict on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hashbench.report.figures.figure import Figure
from hashbench.report.pages.page import Page, Section, report_page
from hashbench.report.rows import Collected
from hashbench.studies import export
from hashbench.studies.answer import Answer


def page(answer: Answer, figures: Sequence[Figure], notes: Sequence[str], command: str) -> Page:
    """The page; `command` is what makes the study again."""
    study = answer.planned.study
    first = Section(
        "Answer",
        lines=(study.content.source, *export.sentences(answer), *export.notes(answer)),
        grids=tuple(export.grids(answer)),
        commands=(command,),
    )
    if not answer.counted:
        return Page(study.name, study.content.question, answer.verdict, (), (first,))
    about_runs = report_page(
        Collected(finished=list(answer.counted)),
        answer.tables,
        figures,
        title=study.name,
        question=study.content.question,
        verdict=answer.verdict,
        notes=notes,
    )
    return replace(about_runs, sections=(first, *about_runs.sections))
