"""Which trackers there are, and what each needs. Their libraries are loaded when they are used."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.spec import RunSpec
from hashbench.trackers.points import Point

PROJECT = "hashbench"


@dataclass(frozen=True)
class Target:
    """Where numbers go: `folder` is the tracker's own place on this disk, None for its default."""

    run: str
    spec: RunSpec
    project: str = PROJECT
    folder: Path | None = None


class Sink(Protocol):
    """One run in a tracker, open for numbers."""

    def log(self, point: Point) -> None:
        """Takes numbers."""

    def close(self) -> str:
        """Ends the run there; returns in words where it is."""


class Opener(Protocol):
    """Opens a run in a tracker."""

    def __call__(self, target: Target) -> Sink:
        """Raises InputError where the tracker refuses."""
        ...


@dataclass(frozen=True)
class Tracker:
    """`module` is what the extra of the tracker's own name installs, `entry` the opener."""

    name: str
    summary: str
    module: str
    entry: str

    def check_installed(self, where: str) -> None:
        """Raises InputError where the library is missing; nothing is loaded."""
        if importlib.util.find_spec(self.module) is None:
            raise InputError(
                f"{self.name} is not installed",
                where=where,
                remedy=f"pip install 'hashbench[{self.name}]'",
            )

    def open(self, target: Target) -> Sink:
        """The run in this tracker. Raises InputError where it refuses."""
        module, _, name = self.entry.partition(":")
        opener: Opener = getattr(importlib.import_module(f"hashbench.trackers.{module}"), name)
        return opener(target)


TRACKERS: dict[str, Tracker] = {
    tracker.name: tracker
    for tracker in (
        Tracker("tensorboard", "event files", "tensorboard", "tensorboard_files:EventFiles"),
        Tracker("wandb", "Weights & Biases, also offline", "wandb", "wandb_run:WandbRun"),
        Tracker("trackio", "trackio's local database", "trackio", "trackio_run:TrackioRun"),
    )
}


def tracker_named(name: str, where: str) -> Tracker:
    """The tracker of that name, whose library is there. Raises UnknownNameError or InputError."""
    if name not in TRACKERS:
        raise UnknownNameError("tracker", name, TRACKERS, where=where)
    tracker = TRACKERS[name]
    tracker.check_installed(where)
    return tracker
