"""`python -m hashbench.clusters.ray_worker ...`: a run's worker that leaves with the task that
started it.

When Ray loses a task (its node is removed, its process is killed), nobody would tell the worker,
which would go on beside the retry on another node. So the system is asked to send it SIGTERM when
its parent dies: it saves and leaves. The words are those of `hashbench.engine`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Becomes the worker."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    parent = os.environ.pop("HASHBENCH_RAY_TASK", "")
    if parent and os.getppid() != int(parent):
        sys.exit("the task that started this worker is gone")  # before the system could be asked
    words = [sys.executable, "-m", "hashbench.engine", *sys.argv[1:]]
    os.execv(sys.executable, words)  # noqa: S606  # its own words, never a shell


if __name__ == "__main__":
    main()
