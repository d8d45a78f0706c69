"""What runs will cost, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.filesize import decimal

from hashbench.launch.estimates import disk_bytes, total_seconds
from hashbench.plan.run_estimate import RunEstimate
from hashbench.report.text import duration


def text_of(estimate: RunEstimate) -> str:
    """An estimate as lines behind a run."""
    parts = [
        (
            f"about {duration(estimate.seconds)} (features {duration(estimate.feature_seconds)}, "
            f"training {duration(estimate.training_seconds)}, "
            f"scoring {duration(estimate.scoring_seconds)})"
        ),
        f"disk {decimal(estimate.disk_bytes)}",
        f"memory {decimal(estimate.memory_bytes)}",
        *([f"GPU memory {decimal(estimate.gpu_bytes)}"] if estimate.gpu_bytes else []),
    ]
    return "\n".join("    " + line for line in (", ".join(parts), *estimate.notes))


def sum_text(estimates: Sequence[RunEstimate]) -> str:
    """The cost of all runs, one after the other."""
    memory = max(estimate.memory_bytes for estimate in estimates)
    return (
        f"in all about {duration(total_seconds(estimates))} one after the other, "
        f"disk {decimal(disk_bytes(estimates))}, memory {decimal(memory)} at a time"
    )
