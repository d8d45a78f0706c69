"""`hashbench datasets check`: what the doctor finds, for people and for machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import DATA_DIR, DataDir, Json

if TYPE_CHECKING:
    from hashbench.datasets.doctor.findings import Report


def check_command(
    what: Annotated[str, typer.Argument(help="Name of a dataset, or a folder or file.")],
    pictures: Annotated[bool, typer.Option(help="Decode every picture.")] = True,
    tokens: Annotated[bool, typer.Option(help="Count the tokens of the captions.")] = True,
    split: Annotated[
        Path | None, typer.Option("--split", help="A split file to check as well.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Threads that decode pictures.")
    ] = 4,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Examine a dataset: files, counts, order of label columns, duplicates, captions, splits.

    Every problem comes with a remedy. Exit code 1 when any is found.
    """
    from hashbench.backbones.token_count import count_tokens
    from hashbench.cli.progress import progress_bar
    from hashbench.datasets.doctor.examine import examine
    from hashbench.datasets.doctor.findings import Level

    with progress_bar("pictures", hidden=json_) as progress:
        report = examine(
            what,
            data_dir,
            pictures=pictures,
            workers=workers,
            split_file=split,
            count_tokens=count_tokens if tokens else None,
            progress=progress,
        )
    if json_:
        import json

        import msgspec

        content = {"verdict": report.verdict, "worst": str(report.worst)}
        typer.echo(json.dumps({**msgspec.to_builtins(report), **content}, indent=1))
    else:
        _print_report(report)
    if report.worst is Level.PROBLEM:
        raise typer.Exit(1)


def _print_report(report: Report) -> None:
    from hashbench.cli.console import console
    from hashbench.cli.progress import print_entry
    from hashbench.datasets.doctor.findings import Level
    from hashbench.report.text import plain

    styles = {Level.PROBLEM: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
    out = console()
    head = f"{report.dataset}: {report.items:,} items, {len(report.classes):,} classes"
    out.print(plain(head if report.items else report.dataset))
    for finding in report.findings:
        text = f"{finding.check}: {plain(finding.message)}"
        if finding.remedy:
            text += f"\nremedy: {plain(finding.remedy)}"
        print_entry(f"{finding.level:<8}", text, styles.get(finding.level, "green"))
    out.print(f"verdict: {report.verdict}", style=styles.get(report.worst, "green"))
