"""A report as plain values: text, tables and figures, which HTML and PDF are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from hashbench.errors import InputError
from hashbench.plan.command import command_line
from hashbench.plan.request import repeated
from hashbench.plan.run_options import Request
from hashbench.report import export, machine_history
from hashbench.report.comparison import Table, marks_of
from hashbench.report.figures.figure import Figure
from hashbench.report.naming import full_name
from hashbench.report.rows import Collected, Finished
from hashbench.report.tables import Grid
from hashbench.report.text import duration, plural
from hashbench.runs import tags

FACTS = ("hashbench", "python", "torch", "numpy", "open_clip", "device", "device name", "cores",
         "threads")  # fmt: skip
"""Facts of a run that say on what it ran."""


@dataclass(frozen=True)
class Section:
    """A part of a report under one heading."""

    title: str
    lines: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    figures: tuple[Figure, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A report. `question` and `verdict` are those of a study, empty elsewhere; `marks` are what
    must be said before any number: leaks, published protocols, results that were changed.
    """

    title: str
    question: str = ""
    verdict: str = ""
    marks: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default=())


def report_page(
    collected: Collected,
    tables: Sequence[Table],
    figures: Sequence[Figure],
    *,
    title: str = "hashbench report",
    question: str = "",
    verdict: str = "",
    notes: Sequence[str] = (),
) -> Page:
    """The page about runs: their `tables` and `figures` as made elsewhere, and from the runs
    themselves audit, protocol, machines and the commands that make them again.

    `notes` stand below the figures, such as why one of them is missing. Raises InputError where
    there is no finished run.
    """
    finished = collected.finished
    if not finished:
        raise InputError(
            "there is no finished run to report",
            remedy="`hashbench ls` lists runs, `hashbench run` makes one",
        )
    sections = [
        _results(tables),
        Section("Figures", tuple(notes), figures=tuple(figures)),
        _audit(finished),
        _protocol(finished),
        _machines(finished),
        _again(finished),
        _all_runs(collected),
    ]
    kept = tuple(one for one in sections if one.grids or one.figures or one.lines or one.commands)
    return Page(title, question, verdict, tuple(_marks(finished)), kept)


def _marks(finished: Sequence[Finished]) -> Iterator[str]:
    """`PUBLISHED PROTOCOL: 3 runs of soda, probe`, a line a mark."""
    by_mark: dict[str, list[Finished]] = {}
    for run in finished:
        for mark in sorted(marks_of(run)):
            by_mark.setdefault(mark, []).append(run)
    for mark, runs in sorted(by_mark.items()):
        names = dict.fromkeys(one.spec.method for one in runs)
        yield f"{mark}: {plural(len(runs), 'run')} of {', '.join(names)}"


def _results(tables: Sequence[Table]) -> Section:
    grids = tuple(export.grid(table, number) for number, table in enumerate(tables, 1))
    notes = ("* is the best of its column, ! is explained below the table", *export.closing(tables))
    return Section("Results", notes, grids)


def _audit(finished: Sequence[Finished]) -> Section:
    """One row a run, whatever it was found to be: a report without it would hide the clean."""
    headers = ("run", "verdict", "items", "labels", "other modality", "batch")
    rows = [
        (
            run.run.id,
            audit.verdict,
            str(audit.sample),
            f"{audit.labels:.2%}",
            "-" if audit.paired is None else f"{audit.paired:.2%}",
            f"{audit.batch:.2%}",
        )
        for run in finished
        for audit in [run.result.audit]
    ]
    clean = sum(run.result.audit.clean for run in finished)
    line = (
        f"{clean} of {plural(len(finished), 'run')} clean: share of bits that change when labels, "
        "the other modality, or the batch of a sample are permuted before it is encoded again"
    )
    return Section("Leak audit", (line,), (Grid.of(headers, rows, words=2),))


def _protocol(finished: Sequence[Finished]) -> Section:
    conditions: dict[tuple[str, ...], int] = {}
    for run in finished:
        split, one = run.result.split, run.condition
        sizes = (f"{split[name]:,}" for name in ("query", "database", "fit", "validation"))
        shared = (one.dataset, one.split, one.backbone, one.protocol, one.select)
        key = (*shared, *sizes, one.fingerprint)
        conditions[key] = conditions.get(key, 0) + 1
    headers = (
        "dataset", "split", "backbone", "protocol", "epoch chosen by",
        "queries", "database", "fitted", "validation", "fingerprint", "runs",
    )  # fmt: skip
    rows = [(*key, str(count)) for key, count in conditions.items()]
    lines = (
        "strict: a code sees its own modality alone; published: as the paper's own code encodes",
        "test queries were scored once, at the end",
        "ties count with their expected value over all orders, unless a metric's name tells",
    )
    return Section("Protocol", lines, (Grid.of(headers, rows, words=5),))


def _machines(finished: Sequence[Finished]) -> Section:
    machines: dict[tuple[str, ...], list[Finished]] = {}
    for run in finished:
        facts = run.result.facts
        key = tuple(str(facts.get(name, "-")) for name in FACTS)
        machines.setdefault(key, []).append(run)
    rows = [
        (*key, str(len(runs)), duration(sum(run.result.seconds for run in runs)))
        for key, runs in machines.items()
    ]
    grid = Grid.of((*FACTS, "runs", "took"), rows, words=len(FACTS))
    used = [(run, machine_history.totals_of(run.run)) for run in finished]
    measured = [
        (run.run.id, *machine_history.cells(totals)) for run, totals in used if totals is not None
    ]
    if not measured:
        return Section("Machines", (), (grid,))
    line = (
        "what runs took while they were measured: cores busy, GPU load and energy in the mean, "
        "memory and temperature at most; the GPU may have been shared"
    )
    headers = ("run", *machine_history.HEADERS)
    return Section("Machines", (line,), (grid, Grid.of(headers, measured, words=1)))


def _again(finished: Sequence[Finished]) -> Section:
    """A command for each group of runs that differ in the seed alone."""
    seeds: dict[str, set[int]] = {}
    firsts: dict[str, Finished] = {}
    for run in finished:
        key = msgspec.structs.replace(run.spec, seed=0).hash
        seeds.setdefault(key, set()).add(run.spec.seed)
        firsts.setdefault(key, run)
    commands = tuple(_command(firsts[key], sorted(of)) for key, of in seeds.items())
    return Section("Make it again", commands=commands)


def _command(run: Finished, seeds: list[int]) -> str:
    try:
        values = repeated(run.spec)
    except InputError:  # a plug-in is not installed here, or a dataset is another one by now
        return f"hashbench run --config {run.run.spec}"
    given = {key: value for key, value in values.items() if value is not None}
    return command_line(Request(**(given | {"seed": seeds})))


def _all_runs(collected: Collected) -> Section:
    headers = ("run", "name", "tags", "state", "took")
    rows = [
        (run.run.id, full_name(run.spec), _tags(run), "finished", duration(run.result.seconds))
        for run in collected.finished
    ]
    rows += [
        (one.run.id, "", "", f"{one.status} {one.reason}".strip(), "-")
        for one in collected.unfinished
    ]
    damaged = tuple(f"left out: {problem}" for problem in collected.damaged)
    return Section("Runs", damaged, (Grid.of(headers, rows, words=4),))


def _tags(run: Finished) -> str:
    known = tags.read(run.run)
    return " ".join([known.name, *known.tags]).strip()
