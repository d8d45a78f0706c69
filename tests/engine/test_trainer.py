"""The trainer on a toy method: what it tells, what it refuses, where it can be interrupted."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from hashbench.engine.trainer import Trainer
from hashbench.engine.validation import Validated
from hashbench.errors import StopAskedError, TrainingError
from hashbench.methods.base import Batch, Method, Stage, Term
from hashbench.plan.request import Request, expand
from hashbench.runs import control, events, layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter

STEPS, EPOCHS = 3, 4


class Toy(Method):
    """One weight; `poison` makes a term infinite at one step, `ask` leaves a request after one."""

    def __init__(
        self, run: RunFolder, poison: int = -1, ask: int = -1, patience: int = 0, first: int = 0
    ) -> None:
        torch.nn.Module.__init__(self)
        self.bits = (1,)
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.run, self.poison, self.ask, self.step = run, poison, ask, first
        self.patience = patience

    def stages(self) -> list[Stage]:
        return [Stage("only", "Only", EPOCHS, batch_size=2, patience=self.patience)]

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:
        noise = torch.rand(())
        value = (self.weight - noise).square()
        if self.step == self.poison:
            value = value / 0
        if self.step == self.ask:
            control.send(self.run, "stop")
        self.step += 1
        return {"distance": Term(value), "size": Term(self.weight.square(), 0.1)}

    def encode_image(self, images: Any) -> dict[int, Tensor]:
        return {1: images}

    encode_text = encode_image


class Batches:
    """Six items in three batches."""

    device = torch.device("cpu")
    train = range(2 * STEPS)

    def batches(self, seed: int, stage: Stage, epoch: int, skip: int) -> Iterator[Any]:
        return ((step, SimpleNamespace()) for step in range(skip, STEPS))


class Scores:
    """Prefers weights near 0.5."""

    on = "validation"

    def score(self, method: Toy) -> Validated:
        return Validated({"i2t:mAP@all @1": 1 - abs(float(method.weight.detach()) - 0.5)})

    @staticmethod
    def summary(scores: dict[str, float]) -> float:
        return sum(scores.values())


class Scripted(Scores):
    """Gives the scores of a list, one an epoch."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def score(self, method: Toy) -> Validated:
        return Validated({"i2t:mAP@all @1": self.values[(method.step - 1) // STEPS]})


def conducted(run: RunFolder, scores: Scores | None = None, **toy: int) -> Trainer:
    (spec,) = expand(Request())
    with EventWriter(run.events) as writer:
        method = Toy(run, **toy)
        trainer = Trainer(run, spec, method, Batches(), scores or Scores(), writer)  # type: ignore[arg-type]
        trainer.train()
    return trainer


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Any]:
    (spec,) = expand(Request())
    return lambda: layout.create(tmp_path, spec, datetime.datetime.now(datetime.UTC))


def test_every_epoch_is_reported_once_with_means_of_every_term(new: Any) -> None:
    run = new()
    conducted(run)
    epochs = [event for event in read_all(run.events) if isinstance(event, events.EpochEnded)]
    assert [event.epoch for event in epochs] == list(range(EPOCHS))
    for event in epochs:
        total = event.values["distance"] + 0.1 * event.values["size"]
        assert event.values["total"] == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("step", range(STEPS * EPOCHS))
def test_a_stop_after_any_step_changes_nothing(new: Any, step: int) -> None:
    undisturbed, run = new(), new()
    wanted = conducted(undisturbed)
    with pytest.raises(StopAskedError):
        conducted(run, ask=step)
    actual = conducted(run)
    assert torch.equal(actual.method.weight, wanted.method.weight)
    assert (actual.best.epoch, actual.best.score) == (wanted.best.epoch, wanted.best.score)

    def means(folder: RunFolder) -> list[dict[str, float]]:
        logged = read_all(folder.events)
        return [event.values for event in logged if isinstance(event, events.EpochEnded)]

    assert means(run) == [pytest.approx(values) for values in means(undisturbed)]


def test_an_infinite_term_is_named_and_the_last_checkpoint_kept(new: Any) -> None:
    run = new()
    with pytest.raises(TrainingError, match="distance is inf at step 1 of epoch 2") as failed:
        conducted(run, poison=2 * STEPS + 1)
    assert failed.value.exit_code == 4
    assert (run.checkpoint / "last.safetensors").is_file()
    conducted(run)  # without the poison it goes on from there


def epochs_of(run: RunFolder) -> list[int]:
    return [event.epoch for event in read_all(run.events) if isinstance(event, events.EpochEnded)]


@pytest.mark.parametrize(
    ("scores", "patience", "epochs"),
    [
        ([0.5, 0.4, 0.4, 0.9], 2, 3),  # two epochs without a better score: the fourth never comes
        ([0.5, 0.4, 0.6, 0.5], 2, 4),
        ([0.5, 0.5, 0.5, 0.5], 1, 2),  # an equal score is no better one
        ([0.5, 0.4, 0.4, 0.4], 0, 4),
    ],
)
def test_training_stops_when_patience_is_out(
    new: Any, scores: list[float], patience: int, epochs: int
) -> None:
    run = new()
    trainer = conducted(run, Scripted(scores), patience=patience)
    assert epochs_of(run) == list(range(epochs))
    assert trainer.best.score == max(scores[:epochs])
    notes = [event.text for event in read_all(run.events) if isinstance(event, events.Note)]
    assert bool(notes) is (epochs < EPOCHS)


def test_a_resumed_run_stops_at_the_same_epoch(new: Any) -> None:
    run, scores = new(), [0.5, 0.4, 0.4, 0.9]
    with pytest.raises(StopAskedError):
        conducted(run, Scripted(scores), patience=2, ask=STEPS + 1)
    conducted(run, Scripted(scores), patience=2, first=STEPS + 2)
    assert sorted(set(epochs_of(run))) == [0, 1, 2]
