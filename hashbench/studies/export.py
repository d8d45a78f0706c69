"""An answer as text: for terminals, Markdown, and machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from hashbench.report import export as table_export
from hashbench.report import tables
from hashbench.report.tables import Grid
from hashbench.report.text import plain
from hashbench.studies.answer import Answer, FigureRuns
from hashbench.studies.findings import Finding
from hashbench.studies.wording import verdict


def grids(answer: Answer) -> list[Grid]:
    """The tables of an answer that are not those of `hashbench compare`."""
    effects = [answer.effects] if answer.effects is not None else []
    return [*effects, *answer.values, *(grid for one in answer.analyses for grid in one.grids)]


def sentences(answer: Answer) -> list[str]:
    """What analyses say beside the verdict."""
    return [one.sentence for one in answer.analyses if one.sentence]


def figure_command(figure: FigureRuns) -> str:
    """The command that draws a figure."""
    options = (f"--{name} {value}" for name, value in figure.plan.options.items())
    runs = (run.run.id for run in figure.runs)
    return " ".join(["hashbench plot", figure.plan.kind, *options, *runs])


def notes(answer: Answer) -> list[str]:
    """The study's own remark, and runs that do not count."""
    content = answer.planned.study.content
    changed = [f"{answer.changed} runs were changed after they were scored and do not count"]
    return [*([content.note] if content.note else []), *(changed if answer.changed else [])]


def for_terminal(answer: Answer) -> RenderableType:
    """The verdict on top; needs no colour."""
    content = answer.planned.study.content
    further = [line for line in sentences(answer) if line not in answer.verdict]
    parts: list[RenderableType] = [
        Text(plain(content.question), style="bold"),
        Text(plain(f"({content.source})"), style="dim"),
        Text(),
        Text(plain(answer.verdict), style="bold green"),
        *(Text(plain(line)) for line in further),
        *(Text(plain(f"note: {line}"), style="yellow") for line in notes(answer)),
        Text(),
        tables.for_terminal(grids(answer)),
    ]
    parts += [table_export.rich_tables(answer.tables)] if answer.tables else []
    return Group(*parts)


def markdown(answer: Answer) -> str:
    """The same as Markdown."""
    study = answer.planned.study
    lines = [f"# {study.name}", "", plain(study.content.question), ""]
    lines += [f"*{plain(study.content.source)}*", "", f"**{plain(answer.verdict)}**", ""]
    lines += [f"- {plain(line)}" for line in [*sentences(answer), *notes(answer)]]
    lines += ["", tables.for_markdown(grids(answer)), ""]
    lines += [table_export.markdown(answer.tables), ""] if answer.tables else []
    lines += [f"- `{figure_command(figure)}`" for figure in answer.figures if figure.runs]
    return "\n".join(lines).rstrip("\n") + "\n"


def as_json(answer: Answer) -> dict[str, Any]:
    """Everything, for machines."""
    study = answer.planned.study
    return {
        "study": study.name,
        "question": study.content.question,
        "source": study.content.source,
        "verdict": answer.verdict,
        "runs": len(answer.planned.to_run),
        "missing": answer.missing,
        "changed": answer.changed,
        "findings": [_finding(finding) for finding in answer.findings],
        "values": [_grid(grid) for grid in answer.values],
        "analyses": [
            {
                "title": one.title,
                "sentence": one.sentence,
                "tables": [_grid(grid) for grid in one.grids],
                "numbers": msgspec.to_builtins(one.numbers, str_keys=True),
            }
            for one in answer.analyses
        ],
        "figures": [
            {
                "kind": figure.plan.kind,
                "options": figure.plan.options,
                "runs": [run.run.id for run in figure.runs],
            }
            for figure in answer.figures
        ],
        "tables": msgspec.json.decode(table_export.as_json(answer.tables, []))["tables"],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        **{k: v for k, v in vars(finding).items() if k not in ("effect", "scale")},
        "scale": str(finding.scale),
        "effect": None if finding.effect is None else asdict(finding.effect),
        "p": finding.p,
        "reading": str(finding.reading),
        "sentence": verdict(finding),
    }


def _grid(grid: Grid) -> dict[str, Any]:
    return {
        "title": grid.title,
        "headers": grid.headers,
        "rows": [[cell.text for cell in row] for row in grid.rows],
        "notes": grid.notes,
    }
