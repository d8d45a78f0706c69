"""`hashbench export`: codes for other programs, numbers for trackers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.options import RUNS_DIR, Json, Runs, RunsDir
from hashbench.cli.selection import report, select_runs

if TYPE_CHECKING:
    from hashbench.runs.layout import RunFolder

CSV = "csv"


def export_command(
    run: Runs = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Codes: faiss, mat, npy, hdf5, pghmh, dcmht. Losses and scores over the steps: "
            "tensorboard, wandb, trackio, csv.",
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A folder; or one file, where it ends as the form's files do (.mat, .h5, .csv). "
            "[default: export/RUN for codes, the tracker's own place, stdout for csv]",
        ),
    ] = None,
    bits: Annotated[
        list[int] | None,
        typer.Option("--bits", "-b", min=1, max=4096, help="Only codes of this length."),
    ] = None,
    project: Annotated[str, typer.Option("--project", help="Of wandb and trackio.")] = "hashbench",
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Hand a run's codes to other programs, or its numbers to a tracker.

    Codes go with item ids, labels, and what is to be known about them; a length is a file or a
    folder of its own. Numbers are those of the run's events, also of a run that is not finished.
    `hashbench run --track tensorboard` hands them over while it trains.
    """
    from hashbench.codefiles.code_export import FORMS
    from hashbench.errors import InputError, UnknownNameError
    from hashbench.trackers.catalog import TRACKERS

    # all that can be wrong with the words is found before a run is read
    known = [*FORMS, *TRACKERS, CSV]
    if not to:
        raise InputError("is missing", where="--to", remedy=f"one of {', '.join(known)}")
    if to not in known:
        raise UnknownNameError("form or tracker", to, known, where="--to")
    if bits and to not in FORMS:
        raise InputError(f"does not go with --to {to}", where="--bits", remedy="leave it out")
    folders = select_runs(run, runs_dir)
    if to in FORMS:
        written = _export_codes(folders, to, output, bits or [])
    elif to == CSV:
        written = _export_table(folders, output)
    else:
        written = _export_numbers(folders, to, output, project)
    lines = [f"{one['run']}: {one['written']}" for one in written]
    report(written, lines, as_json=json_)


def _export_codes(
    folders: Sequence[RunFolder], to: str, output: Path | None, bits: list[int]
) -> list[dict[str, Any]]:
    from hashbench.codefiles.code_export import form_named
    from hashbench.report.code_exports import about, export_codes, finished_run

    written: list[dict[str, Any]] = []
    for one in [finished_run(folder) for folder in folders]:
        target = output or Path("export") / one.run.id
        if output is not None and len(folders) > 1:
            target = output / one.run.id
        paths = export_codes(one, form_named(to), target, bits)
        if marks := about(one)["marks"]:
            typer.echo(f"warning: {one.run.id}: {marks}", err=True)
        written += [{"run": one.run.id, "written": str(path), "marks": marks} for path in paths]
    return written


def _export_numbers(
    folders: Sequence[RunFolder], to: str, output: Path | None, project: str
) -> list[dict[str, Any]]:
    from hashbench.plan import spec as specs
    from hashbench.trackers.catalog import Target, tracker_named
    from hashbench.trackers.replay import replay

    tracker = tracker_named(to, "--to")
    written: list[dict[str, Any]] = []
    for folder in folders:
        typer.echo(f"{folder.id}: handing its numbers to {to}", err=True)
        sink = tracker.open(Target(folder.id, specs.read(folder.spec), project, output))
        count = replay(folder, sink)
        written.append({"run": folder.id, "written": sink.close(), "numbers": count})
    return written


def _export_table(folders: Sequence[RunFolder], output: Path | None) -> list[dict[str, Any]]:
    from hashbench.files.atomic import write_bytes_atomically
    from hashbench.trackers.replay import table

    content = table(folders)
    if output is None:
        typer.echo(content, nl=False)
        return []
    write_bytes_atomically(output, content.encode())
    return [{"run": folder.id, "written": str(output)} for folder in folders]
