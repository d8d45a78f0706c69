"""The answer of a study: verdict, effects, tables, analyses, and the figures to be drawn."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hashbench.plan import sweep
from hashbench.report.comparison import Table, compare
from hashbench.report.progress import Progress, silent
from hashbench.report.rows import Finished
from hashbench.report.tables import NONE, Grid
from hashbench.report.text import plural
from hashbench.studies import analyses
from hashbench.studies.analyses import Analysis, Material
from hashbench.studies.evidence import finding_of
from hashbench.studies.findings import Finding, Reading, Scale, corrected
from hashbench.studies.outcomes import Outcomes
from hashbench.studies.runs import PlannedStudy, by_hash
from hashbench.studies.settings import by_setting
from hashbench.studies.study import FigurePlan, ValueTable
from hashbench.studies.wording import p_text, verdict


@dataclass(frozen=True)
class FigureRuns:
    """A figure to be drawn: its plan, and the runs that it shows."""

    plan: FigurePlan
    runs: tuple[Finished, ...]


@dataclass(frozen=True)
class Answer:
    """All that is known so far. `findings` are corrected as one family, those of analyses first.

    `counted` are the finished runs that it is made of; `missing` runs of `planned` are not
    finished, and `changed` ones were changed after they were scored and do not count.
    """

    planned: PlannedStudy
    verdict: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    values: tuple[Grid, ...]
    analyses: tuple[Analysis, ...]
    figures: tuple[FigureRuns, ...]
    counted: tuple[Finished, ...]
    missing: int
    changed: int

    @property
    def effects(self) -> Grid | None:
        """A row for each claim; None where the study makes none."""
        return _effects(self.findings) if self.findings else None


def answer(
    planned: PlannedStudy,
    finished: Sequence[Finished],
    data_dir: Path,
    progress: Progress = silent,
) -> Answer:
    """What the finished runs of a study say; `progress` hears how many of its comparisons and
    analyses are done. Raises InputError where runs cannot be compared, and DamagedFileError where
    codes cannot be read.
    """
    outcomes = Outcomes()
    content = planned.study.content
    runs = by_hash(finished)
    counted = list(runs.values())
    found: list[Finding] = []
    made: list[Analysis] = []
    steps = len(planned.contrasts) + len(content.analyse)
    for contrast in planned.contrasts:
        progress(len(found), steps)
        found.append(finding_of(contrast, runs, outcomes))
    material = Material(planned.specs, counted, outcomes, data_dir)
    for number in range(len(content.analyse)):
        progress(len(found) + number, steps)
        made.append(_analysis(planned, number, material))
    tested = [finding for analysis in made for finding in analysis.findings]
    # what was worth an analysis is what the study asks first
    findings = corrected([*tested, *found]) if found or tested else []
    made = _with_corrected(made, findings)
    missing = len(planned.to_run) - len(finished)
    return Answer(
        planned=planned,
        verdict=_headline(planned, findings, made, missing),
        findings=tuple(findings),
        tables=tuple(compare(counted)) if counted else (),
        values=tuple(_value_grid(table, counted, outcomes) for table in content.values),
        analyses=tuple(made),
        figures=tuple(FigureRuns(plan, _rows(plan.rows, counted)) for plan in content.figure),
        counted=tuple(counted),
        missing=missing,
        changed=len(finished) - len(counted),
    )


def _analysis(planned: PlannedStudy, number: int, material: Material) -> Analysis:
    plan = planned.study.content.analyse[number]
    where = f"{planned.study.path}: [[analyse]] {number + 1}"
    return analyses.check(plan, where).analyse(material)


def _with_corrected(made: Sequence[Analysis], findings: Sequence[Finding]) -> list[Analysis]:
    """The analyses with their claims as they are after correction, in their order."""
    left = list(findings)
    result = []
    for analysis in made:
        count = len(analysis.findings)
        result.append(replace(analysis, findings=tuple(left[:count])))
        left = left[count:]
    return result


def _headline(
    planned: PlannedStudy, findings: Sequence[Finding], made: Sequence[Analysis], missing: int
) -> str:
    """One sentence: the first claim in full, and how many of the others are shown."""
    if not findings:
        sentences = [analysis.sentence for analysis in made if analysis.sentence]
        text = " ".join(sentences) or "Nothing can be said yet."
    else:
        text = _claim(findings)
    if missing:
        text += f" {plural(missing, 'run')} of {len(planned.to_run)} to finish."
    return text


def _claim(findings: Sequence[Finding]) -> str:
    """The first claim: its only finding in full, of several how many are shown and the largest."""
    own = [finding for finding in findings if finding.claim == findings[0].claim]
    others = [finding for finding in findings if finding.claim != findings[0].claim]
    known = [finding for finding in own if finding.effect is not None]
    if len(own) == 1 or not known:
        text = verdict(own[0])
    else:
        shown = sum(finding.reading is Reading.SHOWN for finding in own)
        # where something is shown, that is what the sentence goes on about
        among = [one for one in known if one.reading is Reading.SHOWN] or known
        largest = max(among, key=lambda one: abs(one.effect.difference if one.effect else 0.0))
        rest = verdict(largest).removeprefix(f"{largest.claim}: ")
        text = (
            f"{largest.claim}: shown in {shown} of {len(own)} comparisons; the largest effect"
            f"{' of these' if 0 < shown < len(own) else ''}, {largest.label}, {rest}"
        )
    if others:
        shown = sum(finding.reading is Reading.SHOWN for finding in others)
        text += f" Of {plural(len(others), 'further claim')}, {shown} shown."
    return text


def _effects(findings: Sequence[Finding]) -> Grid:
    """A row for each comparison; what its claim is and what its numbers are of stands below."""
    claims = list(dict.fromkeys((one.claim, one.outcome, one.scale) for one in findings))
    rows = []
    for one in findings:
        number, effect = claims.index((one.claim, one.outcome, one.scale)) + 1, one.effect
        values = (
            [NONE] * 3
            if effect is None
            else [
                NONE if value is None else one.scale.text(value)
                for value in (effect.difference, effect.low, effect.high)
            ]
        )
        p = NONE if one.adjusted is None else p_text(one.adjusted).removeprefix("p = ")
        seeds = NONE if effect is None else str(effect.seeds)
        rows.append([str(number), one.label, *values, p.removeprefix("p "), _short(one), seeds])
    headers = ["claim", "comparison", "effect", "from", "to", "p", "reading", "seeds"]
    notes = [
        f"claim {number}: {claim} ({'points of ' if scale is Scale.POINTS else ''}{outcome})"
        for number, (claim, outcome, scale) in enumerate(claims, 1)
    ]
    over = "seeds"
    if len({row[-1] for row in rows}) == 1:  # said once, so that the table fits a terminal
        over = "seeds" if rows[0][-1] == NONE else f"{rows[0][-1]} seeds"
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    notes.append(f"from, to: 95 % interval over {over} and queries; p after Holm over all claims")
    return Grid.of(headers, rows, words=2, title="effects", notes=notes)


def _short(finding: Finding) -> str:
    """The reading in a word or two."""
    return {
        Reading.OPPOSITE: "opposite",
        Reading.FEW_SEEDS: "few seeds",
        Reading.MISSING: "missing",
    }.get(finding.reading, str(finding.reading))


def _rows(conditions: dict[str, object], finished: Sequence[Finished]) -> tuple[Finished, ...]:
    return tuple(run for run in finished if sweep.matches(run.spec, conditions))


def _value_grid(table: ValueTable, finished: Sequence[Finished], outcomes: Outcomes) -> Grid:
    """Mean and deviation over seeds of what runs wrote of themselves, a row for each setting."""
    rows = []
    for name, runs in by_setting(_rows(table.rows, finished)).items():
        cells = []
        for column in table.columns:
            values = [outcomes.value(run, column) for run in runs]
            known = [value for value in values if value is not None]
            cells.append(_cell(known))
        rows.append([name, str(len(runs)), *cells])
    headers = ("setting", "seeds", *(column.partition(" ")[2] for column in table.columns))
    return Grid.of(headers, rows, words=1, title=table.title)


def _cell(values: Sequence[float]) -> str:
    if not values:
        return NONE
    text = f"{statistics.fmean(values):.4g}"
    return f"{text} ±{statistics.stdev(values):.2g}" if len(values) > 1 else text
