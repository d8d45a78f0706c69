"""Weights & Biases. WANDB_MODE=offline keeps everything on this disk for a later `wandb sync`."""

from __future__ import annotations

import re

import msgspec
import wandb

from hashbench.errors import InputError
from hashbench.trackers.catalog import Target
from hashbench.trackers.points import Point

STEP = "step"


class WandbRun:
    """A run of the same id there, so that a resumed run goes on in it."""

    def __init__(self, target: Target) -> None:
        if target.folder is not None:
            target.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._run = wandb.init(
                project=target.project,
                name=target.run,
                id=re.sub(r"[^\w.-]", "-", target.run)[:128],
                dir=target.folder,
                config=msgspec.to_builtins(target.spec),
                resume="allow",
                settings=wandb.Settings(console="off", silent=True),
            )
        except wandb.Error as error:
            raise InputError(
                f"wandb refuses: {str(error).splitlines()[0]}",
                where="wandb",
                remedy="wandb login, or WANDB_MODE=offline",
            ) from error
        # its own counter only rises, while a stage's numbers may come late
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)

    def log(self, point: Point) -> None:
        """Numbers over the training step."""
        self._run.log({**point.values, STEP: point.step})

    def close(self) -> str:
        """Waits until everything is sent, or written."""
        place = self._run.url or self._run.dir
        self._run.finish()
        return str(place)
