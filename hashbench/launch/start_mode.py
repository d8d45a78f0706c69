"""How the workers of runs start; the command line and the workbench share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hashbench.clusters import catalog
from hashbench.errors import InputError
from hashbench.launch.jobs import Destination
from hashbench.runs import on_finish
from hashbench.runs.layout import RunFolder
from hashbench.runs.on_finish import OnFinish
from hashbench.runs.queue import check_priority


@dataclass(frozen=True)
class StartMode:
    """`queue`: each run in its turn, when a device is free, the highest `priority` first.

    `detach`: without being watched from a terminal. With neither, at once. `trackers` get the
    numbers of each run while it trains. `on_finish`: what shall happen when a run ends; a run that
    is resumed keeps what it had where there is nothing new. `on`: a cluster, this host, or empty:
    where a run ran before, else this host; `options_file` and `per_job` are for a cluster.
    """

    queue: bool = False
    priority: int = 0
    detach: bool = False
    trackers: tuple[str, ...] = ()
    on_finish: OnFinish = field(default_factory=OnFinish)
    on: str = ""
    options_file: Path | None = None
    per_job: int | None = None

    def __post_init__(self) -> None:
        check_priority(self.priority)
        if self.on:
            catalog.check_name(self.on)
        if self.destination is not None:
            self._check_for_cluster()
        elif self.options_file is not None or self.per_job is not None:
            raise InputError(
                "is for runs on a cluster",
                where="--per-job" if self.options_file is None else "--cluster",
                remedy=f"add --on {' or --on '.join(catalog.TITLES)}",
            )
        if self.priority and not self.queue:
            raise InputError(
                "orders the queue, which this run does not enter",
                where="--priority",
                remedy="add --queue",
            )

    @property
    def destination(self) -> Destination | None:
        """The cluster that was asked for, if any."""
        if self.on in ("", catalog.LOCAL):
            return None
        return Destination(self.on, self.options_file, self.per_job)

    @property
    def verb(self) -> str:
        """What is done to runs: queue, launch, or submit them."""
        if self.destination is not None:
            return "submit"
        return "queue" if self.queue else "launch"

    def _check_for_cluster(self) -> None:
        title = catalog.title(self.on)
        if self.queue or self.priority:
            raise InputError(
                f"is the queue of this host; {title} has a queue of its own",
                where="--queue",
                remedy=f"--detach, with --on {self.on}",
            )
        if self.trackers:
            raise InputError(
                "needs a process that stays alive here, which runs on a cluster do without",
                where="--track",
                remedy=f"hashbench export RUN --to {self.trackers[0]}, when they have ended",
            )
        if on_finish.BELL in self.on_finish.actions:
            raise InputError(
                "rings the terminal of this host, which a job has not",
                where=f"{on_finish.OPTION} {on_finish.BELL}",
                remedy=f"{on_finish.WEBHOOK}URL, or a command",
            )

    @property
    def words(self) -> list[str]:
        """The options of `hashbench run` that mean the same."""
        words = ["--queue"] if self.queue else []
        words += ["--priority", str(self.priority)] if self.priority else []
        words += ["--detach"] if self.detach else []
        words += ["--on", self.on] if self.on else []
        words += ["--cluster", str(self.options_file)] if self.options_file else []
        words += ["--per-job", str(self.per_job)] if self.per_job else []
        return words + [word for name in self.trackers for word in ("--track", name)]

    def prepare(self, run: RunFolder) -> None:
        """Leaves in the run's folder what its worker shall find. Raises InputError."""
        if self.on_finish.actions:
            on_finish.write(run, self.on_finish)
