"""A run as an object: what it was asked to do, what it is doing, what came out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hashbench.api.arrays import PathLike
from hashbench.api.evaluation import Evaluation, evaluated
from hashbench.codefiles.load import RetrievalTask, load
from hashbench.codefiles.read_options import ReadOptions
from hashbench.errors import InputError, TrainingError
from hashbench.launch import actions, spawn
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.report.details import details, render
from hashbench.report.naming import full_name
from hashbench.report.notebook import rich_html, rich_text
from hashbench.runs import result as results
from hashbench.runs.events import AnyEvent, Failed, Finished, Stopped
from hashbench.runs.layout import RunFolder, find, pick
from hashbench.runs.result import Result
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import Tailer

POLL_SECONDS = 0.2


class Run:
    """A run folder. What it says is read when it is asked for, so it is never out of date."""

    def __init__(self, folder: RunFolder, worker: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self._worker = worker

    @property
    def id(self) -> str:
        """The id, which is the name of the folder."""
        return self.folder.id

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    @property
    def spec(self) -> RunSpec:
        """All that decides the codes. Raises DamagedFileError."""
        return specs.read(self.folder.spec)

    @property
    def status(self) -> str:
        """queued, running, paused, finished, failed, stopped or lost."""
        return str(status(self.folder).state)

    @property
    def result(self) -> Result:
        """Scores, audit, split and digests. Raises InputError while there is none."""
        if not self.folder.result.is_file():
            raise InputError(f"is {self.status}, so it has no result", where=self.id)
        return results.read(self.folder.result)

    @property
    def scores(self) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """bits -> direction -> metric -> value on the test queries."""
        return self.result.scores

    def codes(self, direction: str | None = None, bits: int | None = None) -> list[RetrievalTask]:
        """The test codes, one task for each length and direction. Raises InputError."""
        chosen = (direction,) if direction else ()
        return load(self.path, ReadOptions(directions=chosen, bits=bits))

    def evaluate(
        self, metrics: Sequence[str] | str = ("mAP@all",)
    ) -> dict[tuple[int, str], Evaluation]:
        """(bits, direction) -> scores of the codes by any metrics."""
        return {
            (task.query.bits, task.direction): evaluated(task, metrics) for task in self.codes()
        }

    def events(self, *, follow: bool = False) -> Iterator[AnyEvent]:
        """The events so far, oldest first; with `follow`, those to come, too, until the run ends.

        Each is a struct of `hashbench.runs.events`: `Loss`, `EpochEnded`, `Scores`, `Finished`.
        """
        tailer = Tailer(self.folder.events)
        while True:
            works = follow and self._works()  # asked first, so that nothing it wrote is missed
            while fresh := tailer.poll():
                for event in fresh:
                    yield event
                    over = isinstance(event, Finished | Failed)
                    if follow and (over or (isinstance(event, Stopped) and not event.again)):
                        works = tailer.behind
            if not works:
                return
            time.sleep(POLL_SECONDS)

    def _works(self) -> bool:
        if self._worker is not None and self._worker.poll() is None:
            return True
        return spawn.has_worker(self.folder, status(self.folder))

    def wait(self) -> Run:
        """Waits until the worker has ended; returns itself.

        Raises TrainingError, with reason and remedy, where the run did not finish. Ctrl-C asks the
        worker to save and stop.
        """
        try:
            for _ in self.events(follow=True):
                pass
            if self._worker is not None:
                self._worker.wait()
        except KeyboardInterrupt:
            if self._works():
                actions.stop(self.folder)
            raise
        current = status(self.folder)
        if current.state is not Status.FINISHED:
            reason = f"{current.state}: {current.reason}" if current.reason else str(current.state)
            raise TrainingError(reason, where=self.id, remedy=current.remedy or None)
        return self

    def __repr__(self) -> str:
        return f"<run {self.id}: {full_name(self.spec)}, {self.status}>"

    def __str__(self) -> str:
        return rich_text(render(details(self.folder)))

    def _repr_html_(self) -> str:
        return rich_html(render(details(self.folder)))


def load_run(name: PathLike = "last", runs_dir: PathLike = "runs") -> Run:
    """The run of an id, an unambiguous beginning or end of one, a folder, or "last".

    Raises UnknownNameError, which offers the nearest, or InputError where several fit.
    """
    path = Path(name)
    if (path / "spec.toml").is_file():
        return Run(RunFolder(path.resolve()))
    return Run(pick(Path(runs_dir), str(name)))


def folders_of(runs: Iterable[Run | PathLike] | None, runs_dir: Path) -> list[RunFolder]:
    """The folders of runs, of their ids or of their folders; None stands for all in `runs_dir`."""
    if runs is None:
        return find(runs_dir)
    return [run.folder if isinstance(run, Run) else load_run(run, runs_dir).folder for run in runs]
