"""`hashbench audit`: do codes know more of the labels than their items show?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli import evaluate
from hashbench.cli.options import RUNS_DIR, Json, RunsDir

if TYPE_CHECKING:
    from hashbench.codefiles.read_options import ReadOptions
    from hashbench.report.leaks import Audit


def audit_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Code files, codes/ folders, run folders, or ids of runs. "
            "[default: all finished runs in the runs folder]",
            show_default=False,
        ),
    ] = None,
    labels: evaluate.Labels = "",
    query_labels: evaluate.QueryLabels = "",
    database_labels: evaluate.DatabaseLabels = "",
    query: evaluate.Query = "",
    database: evaluate.Database = "",
    layout: evaluate.Layout = "",
    direction: evaluate.Direction = None,
    bits: evaluate.Bits = None,
    zero: evaluate.Zero = "refuse",
    packed: evaluate.Packed = "",
    items: evaluate.Items = "",
    labels_as: evaluate.LabelsAs = "",
    binarize: evaluate.Binarize = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample.")] = 0,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Look for label leaks: proof from a run's encoder, evidence from any file of codes.

    Of a code file only codes and labels are known: how far the code determines the exact label set
    is measured, and put into words: consistent with label input, no sign of label input, or not
    decidable (single-label data).
    """
    from dataclasses import replace

    from hashbench.report import leaks

    # a leak in one direction is a leak: all are looked at, not only those that are reported
    options = replace(
        evaluate.read_options(
            layout=layout, query=query, database=database, labels=labels,
            query_labels=query_labels, database_labels=database_labels, direction=direction,
            bits=bits, zero=zero, packed=packed, items=items, labels_as=labels_as,
            binarize=binarize,
        ),
        every_direction=True,
    )  # fmt: skip
    paths = files or _finished(runs_dir)
    audits = [_audit(path, options, seed, runs_dir) for path in paths]
    if json_:
        typer.echo(leaks.as_json(audits))
        return
    from hashbench.cli.console import console

    out = console()
    for one in audits:
        out.print(leaks.rich_audit(one))


def _finished(runs_dir: Path) -> list[Path]:
    """The folders of all finished runs. Raises InputError where there is none."""
    from hashbench.cli.selection import in_state
    from hashbench.errors import InputError
    from hashbench.runs.layout import find
    from hashbench.runs.state import Status

    finished = in_state(Status.FINISHED)
    if paths := [folder.path for folder in find(runs_dir) if finished(folder)]:
        return paths
    raise InputError(
        "no run has finished", where=runs_dir, remedy="`hashbench run`, or give files of codes"
    )


def _audit(path: Path, options: ReadOptions, seed: int, runs_dir: Path) -> Audit:
    """The audit of one file or run; a path that is not there may be the id of a run."""
    import os

    from hashbench.codefiles.load import load
    from hashbench.metrics.leakage import gather, judge
    from hashbench.report.leaks import Audit, AuditedCodes
    from hashbench.runs import result
    from hashbench.runs.layout import RunFolder, pick

    folder = RunFolder(path) if path.exists() or path.suffix else pick(runs_dir, str(path))
    encoder = result.read(folder.result).audit if folder.result.is_file() else None
    audited = []
    for task in load(folder.path, options):
        evidence = gather(
            task.query,
            task.database,
            task.query_labels,
            task.database_labels,
            seed=seed,
            threads=os.cpu_count() or 1,
        )
        audited.append(AuditedCodes(task, evidence, judge(evidence)))
    return Audit(str(path), tuple(audited), encoder)
