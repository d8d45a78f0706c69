"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Many = list[str] | None

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="HASHBENCH_DATA",
        help="Where datasets and cached features are.",
        file_okay=False,
    ),
]

RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", envvar="HASHBENCH_RUNS", help="Where run folders are.", file_okay=False
    ),
]

Json = Annotated[bool, typer.Option("--json", help="JSON for machines, on stdout.")]

Detach = Annotated[
    bool,
    typer.Option("--detach", help="Leave the runs to themselves: one starts now, several queue."),
]

Queue = Annotated[
    bool, typer.Option("--queue", help="Wait for free devices in turn, without being watched.")
]

Priority = Annotated[
    int, typer.Option("--priority", help="In the queue; the highest first, -999 to 999.")
]

Runs = Annotated[
    Many, typer.Argument(help="Run ids, beginnings or ends of them, paths, or `last`.")
]

DATA_DIR = Path("data")
RUNS_DIR = Path("runs")
