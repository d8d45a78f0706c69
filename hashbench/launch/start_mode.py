"""How the workers of runs start; the command line and the workbench share it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashbench.errors import InputError
from hashbench.runs import on_finish
from hashbench.runs.layout import RunFolder
from hashbench.runs.on_finish import OnFinish
from hashbench.runs.queue import check_priority


@dataclass(frozen=True)
class StartMode:
    """`queue`: each run in its turn, when a device is free, the highest `priority` first.

    `detach`: without being watched from a terminal. With neither, at once. `trackers` get the
    numbers of each run while it trains. `on_finish`: what shall happen when a run ends; a run that
    is resumed keeps what it had where there is nothing new.
    """

    queue: bool = False
    priority: int = 0
    detach: bool = False
    trackers: tuple[str, ...] = ()
    on_finish: OnFinish = field(default_factory=OnFinish)

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

    def prepare(self, run: RunFolder) -> None:
        """Leaves in the run's folder what its worker shall find. Raises InputError."""
        if self.on_finish.actions:
            on_finish.write(run, self.on_finish)
