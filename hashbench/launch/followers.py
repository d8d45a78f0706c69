"""Starting a follower: the process that hands a run's numbers to a tracker while it trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hashbench.runs.layout import RunFolder


def log_path(run: RunFolder, tracker: str) -> Path:
    """Where a follower's own messages go."""
    return run.path / f"track-{tracker}.log"


def start_follower(run: RunFolder, tracker: str) -> subprocess.Popen[bytes]:
    """Follows a run that a worker has or is about to take; it outlives whoever started it."""
    with log_path(run, tracker).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hashbench.trackers.follow", str(run.path.resolve()), tracker],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
