"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

DATA_DIR = Path("data")
RUNS_DIR = Path("runs")
