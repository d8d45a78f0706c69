"""What `--dry-run` says of the cost of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hashbench.plan.run_estimate import RunEstimate
    from hashbench.plan.spec import RunSpec

Estimate = Annotated[
    bool | None,
    typer.Option(
        "--estimate/--no-estimate",
        help="With --dry-run: measure for about half a minute a kind of run how long it takes, "
        "and what disk and memory it needs; refuse what cannot fit. On a slow or busy machine less "
        "is measured, and said. By default for runs with the values of a paper, which take hours.",
        show_default=False,
    ),
]


def estimates_of(
    specs: Sequence[RunSpec], data_dir: Path, runs_dir: Path, wanted: bool | None
) -> list[RunEstimate] | None:
    """The estimates, where they are wanted or a run has the preset of its paper.

    Raises InputError for what cannot fit.
    """
    from hashbench.plan.preset import PAPER

    if not (any(spec.preset == PAPER for spec in specs) if wanted is None else wanted):
        return None
    from hashbench.launch.estimates import measured, require_room

    typer.echo("measuring: a few steps of each kind of run (--no-estimate leaves it out)", err=True)
    estimates = measured(specs, data_dir)
    require_room(estimates, data_dir, runs_dir)
    return estimates


def text_of(estimate: RunEstimate) -> str:
    """An estimate as a line behind a run."""
    from hashbench.report.text import duration

    parts = [
        (
            f"about {duration(estimate.seconds)} (features {duration(estimate.feature_seconds)}, "
            f"training {duration(estimate.training_seconds)}, "
            f"scoring {duration(estimate.scoring_seconds)})"
        ),
        f"disk {_size(estimate.disk_bytes)}",
        f"memory {_size(estimate.memory_bytes)}",
        *([f"GPU memory {_size(estimate.gpu_bytes)}"] if estimate.gpu_bytes else []),
    ]
    return "\n".join("    " + line for line in (", ".join(parts), *estimate.notes))


def sum_text(estimates: Sequence[RunEstimate]) -> str:
    """The cost of all runs, one after the other."""
    from hashbench.launch.estimates import disk_bytes, total_seconds
    from hashbench.report.text import duration

    memory = max(estimate.memory_bytes for estimate in estimates)
    return (
        f"in all about {duration(total_seconds(estimates))} one after the other, "
        f"disk {_size(disk_bytes(estimates))}, memory {_size(memory)} at a time"
    )


def plain(estimate: RunEstimate) -> dict[str, Any]:
    """An estimate for `--json`."""
    import msgspec

    return {
        **msgspec.to_builtins(estimate),
        "seconds": estimate.seconds,
        "disk_bytes": estimate.disk_bytes,
    }


def _size(count: int) -> str:
    from rich.filesize import decimal

    return decimal(count)
