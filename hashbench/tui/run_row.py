"""What lists show of a run: plain values, made by the reader, shown by the screens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hashbench.plan.spec import RunSpec
from hashbench.report.rows import label_text, variant_text
from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState, Status
from hashbench.runs.tags import Tags

LOST = "its worker died without a word; r goes on from the last checkpoint"


@dataclass(frozen=True)
class RunView:
    """One run as lists show it. None and empty mean that it is not known (yet).

    `done` goes from 0 to 1, `left` is in seconds, `score` is the mean mAP over directions and bit
    lengths on `score_on` (test or validation). `problem` tells what is wrong with the folder.
    `place` is its place in the queue, 0 for none.
    """

    id: str
    path: str
    status: Status
    name: str = ""
    tags: tuple[str, ...] = ()
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

    @property
    def title(self) -> str:
        """The name a person gave, or the id."""
        return self.name or self.id

    @cached_property
    def haystack(self) -> str:
        """What a filter looks through."""
        parts = [self.id, self.name, *self.tags, str(self.status), self.method, self.changes]
        parts += [self.dataset, f"{self.bits}b", self.labels, self.device, self.problem, self.mark]
        return " ".join(parts).lower()


def view_of(
    run: RunFolder,
    spec: RunSpec | None,
    state: RunState,
    status: Status,
    tags: Tags,
    *,
    left: float | None,
    problem: str,
    place: int = 0,
) -> RunView:
    """The view of a run. `spec` is None where spec.toml cannot be read."""
    done = state.steps_done / state.steps_total if state.steps_total else None
    epochs = next((plan.epochs for plan in state.stages if plan.name == state.stage), 0)
    doing = ""
    if state.progress is not None and status is Status.RUNNING:
        doing = state.progress.what
        if state.progress.total and not state.steps_total:
            done = state.progress.done / state.progress.total
    if status in (Status.QUEUED, Status.PAUSED):
        doing = _waits(state, status)
    facts = state.facts
    shown = RunView(
        id=run.id,
        path=str(run.path),
        status=status,
        name=plain(tags.name),
        tags=tags.tags,
        device=plain(facts.get("device", "" if spec is None else spec.device)),
        stage=plain(state.stage or ""),
        epoch=epochs if status is Status.FINISHED else min(state.epoch, epochs or state.epoch),
        epochs=epochs,
        doing=plain(doing),
        done=1.0 if status is Status.FINISHED else done,
        left=left if status is Status.RUNNING else None,
        score=state.best_guess_map,
        score_on="test" if state.test else "validation" if state.validation else "",
        reason=_reason(state, status),
        problem=plain(problem),
        place=place,
    )
    if spec is None:
        return shown
    values = {
        "method": plain(spec.method),
        "changes": plain(variant_text(spec)),
        "dataset": plain(spec.dataset.name),
        "bits": spec.bits_label,
        "ratio": spec.labels.known_ratio,
        "labels": label_text(spec),
        "seed": spec.seed,
        "mark": "PUBLISHED PROTOCOL" if spec.protocol == "published" else "",
    }
    return RunView(**(vars(shown) | values))


def _waits(state: RunState, status: Status) -> str:
    """What a run that has not begun waits for."""
    queued = state.queued
    if queued is None:
        return "not started: r starts it" if status is Status.QUEUED else ""
    what = "a device" if queued.device == "auto" else queued.device
    priority = f", priority {queued.priority}" if queued.priority else ""
    held = "; held back: p lets it take its turn" if status is Status.PAUSED else ""
    return f"waits for {what}{priority}{held}"


def _reason(state: RunState, status: Status) -> str:
    """Why a run does not go on."""
    if status is Status.LOST and state.ended is None:
        return LOST
    return plain(getattr(state.ended, "reason", ""))
