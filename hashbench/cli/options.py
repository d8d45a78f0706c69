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


def words(values: list[str] | None) -> list[str]:
    """The values of an option that may be repeated and may hold commas."""
    return [part.strip() for value in values or [] for part in value.split(",") if part.strip()]


def numbers(values: list[str] | None, option: str) -> list[int]:
    """As `words`, as whole numbers; `0-4` means 0,1,2,3,4. Raises InputError."""
    from hashbench.errors import InputError

    found: list[int] = []
    for word in words(values):
        low, dash, high = word.partition("-")
        try:
            found += range(int(low), int(high) + 1) if dash else [int(word)]
        except ValueError:
            raise InputError(
                f"{word!r} is not a whole number", where=option, remedy=f"such as {option} 16,32,64"
            ) from None
    return found


def reals(values: list[str] | None, option: str) -> list[float]:
    """As `words`, as numbers. Raises InputError."""
    from hashbench.errors import InputError

    try:
        return [float(word) for word in words(values)]
    except ValueError:
        raise InputError(
            f"{','.join(values or [])!r} is not a number", where=option, remedy=f"{option} 0.3"
        ) from None
