"""trackio's database on this disk (TRACKIO_DIR says where): `trackio show` opens it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import trackio

from hashbench.errors import InputError
from hashbench.trackers.catalog import Target
from hashbench.trackers.points import Point


class TrackioRun:
    """A run in a project."""

    def __init__(self, target: Target) -> None:
        if target.folder is not None:
            raise InputError(
                "trackio has one place for everything",
                where="--output",
                remedy="leave it out, or set TRACKIO_DIR",
            )
        self._project = target.project
        with _quiet():
            self._run: Any = trackio.init(
                project=target.project,
                name=target.run,
                config=msgspec.to_builtins(target.spec),
                resume="allow",
                embed=False,
                auto_log_cpu=False,
                auto_log_gpu=False,
            )

    def log(self, point: Point) -> None:
        """Numbers at a training step."""
        with _quiet():
            self._run.log(dict(point.values), step=point.step)

    def close(self) -> str:
        """Waits until everything is written."""
        with _quiet():
            self._run.finish()
        return f"trackio show --project {self._project}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the library prints goes to stderr, since stdout belongs to the command."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
