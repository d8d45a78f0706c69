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


def plain(estimate: RunEstimate) -> dict[str, Any]:
    """An estimate for `--json`."""
    import msgspec

    return {
        **msgspec.to_builtins(estimate),
        "seconds": estimate.seconds,
        "disk_bytes": estimate.disk_bytes,
    }
