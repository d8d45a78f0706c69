"""How the workers of runs start; the command line and the workbench share it."""

from __future__ import annotations

from dataclasses import dataclass

from hashbench.errors import InputError
from hashbench.runs.queue import check_priority


@dataclass(frozen=True)
class StartMode:
    """`queue`: each run in its turn, when a device is free, the highest `priority` first.

    `detach`: without being watched from a terminal. With neither, at once. `trackers` get the
    numbers of each run while it trains.
    """

    queue: bool = False
    priority: int = 0
    detach: bool = False
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_priority(self.priority)
        if self.priority and not self.queue:
            raise InputError(
                "orders the queue, which this run does not enter",
                where="--priority",
                remedy="add --queue",
            )

    @property
    def words(self) -> list[str]:
        """The options of `hashbench run` that mean the same."""
        words = ["--queue"] if self.queue else []
        words += ["--priority", str(self.priority)] if self.priority else []
        words += ["--detach"] if self.detach else []
        return words + [word for name in self.trackers for word in ("--track", name)]
