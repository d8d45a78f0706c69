"""What lists show of a run: plain values, made by the reader, shown by the screens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hashbench.plan.spec import RunSpec
from hashbench.report.naming import label_text, short_names, variant_name
from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import RunStatus
from hashbench.runs.tags import Tags


@dataclass(frozen=True)
class RunView:
    """One run as lists show it. None and empty mean that it is not known (yet).

    `done` goes from 0 to 1, `left` is in seconds, `score` is the mean mAP over directions and bit
    lengths on `score_on` (test or validation). `changes` is everything that is not usual about the
    run. `problem` tells what is wrong with the folder. `place` is its place in the queue, 0 for
    none. `warnings` names the rules that spoke (`hashbench.runs.warnings`).
    """

    id: str
    path: str
    status: Status
    name: str = ""
    tags: tuple[str, ...] = ()
    spec: RunSpec | None = None
    method: str = ""
    changes: str = ""
    dataset: str = ""
    bits: str = ""
    ratio: float | None = None
    labels: str = ""
    seed: int | None = None
    device: str = ""
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    doing: str = ""
    done: float | None = None
    left: float | None = None
    score: float | None = None
    score_on: str = ""
    reason: str = ""
    problem: str = ""
    mark: str = ""
    place: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name a person gave, or the id."""
        return self.name or self.id

    @cached_property
    def haystack(self) -> str:
        """What a filter looks through."""
        parts = [self.id, self.name, *self.tags, str(self.status), self.method, self.changes]
        parts += [self.dataset, f"{self.bits}b", self.labels, self.device, self.problem, self.mark]
        parts += ["warning", *self.warnings] if self.warnings else []
        return " ".join(parts).lower()


def view_of(
    run: RunFolder, spec: RunSpec | None, current: RunStatus, tags: Tags, *, problem: str = ""
) -> RunView:
    """The view of a run. `spec` is None where spec.toml cannot be read."""
    return RunView(
        id=run.id,
        path=str(run.path),
        status=current.state,
        name=plain(tags.name),
        tags=tags.tags,
        spec=spec,
        method="" if spec is None else plain(spec.method),
        changes="" if spec is None else plain(variant_name(spec)),
        dataset="" if spec is None else plain(spec.dataset.name),
        bits="" if spec is None else spec.bits_label,
        ratio=None if spec is None else spec.labels.known_ratio,
        labels="" if spec is None else label_text(spec),
        seed=None if spec is None else spec.seed,
        device=plain(current.device or ("" if spec is None else spec.device)),
        stage=plain(current.stage),
        epoch=current.epoch,
        epochs=current.epochs,
        doing=plain(current.doing),
        done=current.done,
        left=current.seconds_left,
        score=current.score,
        score_on=current.score_on,
        reason=plain(current.reason),
        problem=plain(problem),
        mark="PUBLISHED PROTOCOL" if spec is not None and spec.protocol == "published" else "",
        place=current.position,
        warnings=current.warnings,
    )


def legend_names(views: list[RunView]) -> list[str]:
    """A name for each run in a legend: the one that a person gave, or what tells it from the
    others.
    """
    known = {view.id: view.spec for view in views if view.spec is not None}
    short = dict(zip(known, map(plain, short_names(list(known.values()))), strict=True))
    return [view.name or short.get(view.id, view.id) for view in views]
