"""What people may say of their Ray, in `ray.toml`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from hashbench.clusters.options import read_options
from hashbench.errors import InputError


class RayOptions(msgspec.Struct, frozen=True):
    """What each run asks of its node, and what Ray does when it loses one.

    `memory` is in bytes, 0 asks for none; `resources` are those that the cluster's nodes were
    started with, by name. `max_retries`: how often a run whose node or process was lost starts
    again, -1 without end; `max_again`: how often one that was asked to leave does. `max_jobs` of
    one submission run at once, 0: as many as fit. `python` is the interpreter on the nodes, empty:
    that of Ray there. A worker waits up to `wait_seconds` for a predecessor to let go of the run.
    `runtime_env` is Ray's own table.
    """

    num_cpus: float = 1.0
    num_gpus: float = 0.0
    memory: int = 0
    resources: dict[str, float] = {}
    max_jobs: int = 0
    max_retries: int = 5
    max_again: int = 50
    python: str = ""
    wait_seconds: int = 120
    runtime_env: dict[str, Any] = {}

    @property
    def demand(self) -> dict[str, float]:
        """What a node must have free, by Ray's names."""
        asked = {"CPU": self.num_cpus, "GPU": self.num_gpus, "memory": float(self.memory)}
        return {name: count for name, count in (asked | self.resources).items() if count}


def read(path: Path | None) -> RayOptions:
    """The options of a file. Raises what `read_options` does, and InputError for a value that is
    not possible.
    """
    options = read_options(path, RayOptions)
    where = path or "ray.toml"
    for key, least in (
        ("num_cpus", 0), ("num_gpus", 0), ("memory", 0), ("max_jobs", 0), ("max_retries", -1),
        ("max_again", 0), ("wait_seconds", 0),
    ):  # fmt: skip
        _check(f"{where}: {key}", getattr(options, key), least)
    for name, count in options.resources.items():
        if name in ("CPU", "GPU", "memory"):
            key = {"CPU": "num_cpus", "GPU": "num_gpus"}.get(name, name)
            raise InputError(
                f"{name} has a key of its own", where=f"{where}: resources", remedy=f"{key} = 1"
            )
        _check(f"{where}: resources.{name}", count, 0)
    # Ray itself takes no more than whole numbers above one GPU
    if options.num_gpus > 1 and options.num_gpus % 1:
        raise InputError(
            f"{options.num_gpus} GPUs: beyond one, only whole ones can be asked for",
            where=f"{where}: num_gpus",
        )
    return options


def _check(where: str, value: float, least: int) -> None:
    if not (math.isfinite(value) and least <= value <= 10**15):
        raise InputError(f"{value} is out of range", where=where, remedy=f"{least} or more")
