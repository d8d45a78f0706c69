"""The training loop. It reads top to bottom: stages, epochs, steps, and what follows each."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from hashbench.engine import checkpoint, label_recovery, randomness
from hashbench.engine.checkpoint import Best, Checkpoint, Position
from hashbench.engine.data import Data
from hashbench.engine.validation import Validation
from hashbench.errors import DamagedFileError, StopAskedError, TrainingError
from hashbench.methods.base import Method, Stage, total
from hashbench.plan.spec import RunSpec
from hashbench.runs import control, events
from hashbench.runs.layout import RunFolder
from hashbench.runs.writer import EventWriter

LOSS_SECONDS = 0.1  # a loss event at most this often
SAVE_SECONDS = 20.0  # a checkpoint at an epoch's end at most this often


@dataclass
class Trainer:
    """Trains a method through its stages, watched through events, saved through checkpoints."""

    run: RunFolder
    spec: RunSpec
    method: Method
    data: Data
    validation: Validation
    writer: EventWriter
    position: Position = field(default_factory=Position)
    best: Best = field(default_factory=Best)
    _optimiser: torch.optim.Optimizer | None = None
    _sums: dict[str, float] = field(default_factory=dict)
    _saved: float = field(default_factory=time.monotonic)

    def train(self) -> None:
        """From the last checkpoint, or the beginning, to the end of the last stage.

        Raises StopAskedError after saving, TrainingError for a loss that is not finite.
        """
        stages = list(self.method.stages())
        resumed = self._load(stages)
        for number, stage in enumerate(stages):
            if self.position.done or number < self.position.stage:
                continue
            self.writer.write(events.StageBegan(stage=stage.name))
            if not (resumed and number == self.position.stage):
                self.position = Position(stage=number)
                randomness.reseed(self.spec.seed, "stage", stage.name)
                self.method.begin_stage(stage)
                self._optimiser = self.method.optimiser(stage) if stage.epochs else None
                self._save(stage)
            for epoch in range(self.position.epoch, stage.epochs):
                if self._out_of_patience(stage, epoch):
                    break
                self._epoch(stage, epoch)
            if not stage.epochs:
                self._recovery(stage, 0)
            monitors = self.method.end_stage(stage)
            self._monitor(stage, stage.epochs, monitors)
            if stage.selects and not stage.epochs:
                self._select(stage, 0)
        self.position = Position(stage=len(stages), done=True)
        self._optimiser = None
        self._save(stages[-1])

    def _out_of_patience(self, stage: Stage, epoch: int) -> bool:
        """Whether the stage ends before `epoch`, since the score has not risen for long enough.

        Follows from the best epoch, which a checkpoint holds, so that a resumed run ends there too.
        """
        best = self.best.epoch if self.best.stage == stage.name else -1
        waited = epoch - 1 - best
        scored = stage.selects and self.best.score is not None
        if not (stage.patience and scored) or waited < stage.patience:
            return False
        text = f"{stage.name} ends after epoch {epoch}: no better score for {waited} epochs"
        self.writer.write(events.Note(level="info", text=text))
        return True

    def _epoch(self, stage: Stage, epoch: int) -> None:
        began = time.monotonic()
        self.method.train()
        steps = math.ceil(len(self.data.train) / stage.batch_size)
        pending: list[Tensor] = []
        names: list[str] = []
        reported = time.monotonic()
        batches = self.data.batches(self.spec.seed, stage, epoch, skip=self.position.step)
        for step, batch in batches:
            # every step draws from its own seed, so that a resumed run draws the same
            randomness.reseed(self.spec.seed, "step", stage.name, epoch, step)
            progress = (epoch * steps + step) / (stage.epochs * steps)
            terms = self.method.losses(stage, batch)
            loss = total(terms.values())
            self._descend(stage, loss, progress)
            names = [*terms, "total"]
            # losses stay on the device until they are reported: reading one waits for it
            pending.append(torch.stack([*(term.value for term in terms.values()), loss]).detach())
            # whatever interrupts from here on finds a state from which the next step follows
            self.position = Position(self.position.stage, epoch, step + 1)
            if time.monotonic() - reported >= LOSS_SECONDS:
                self._report(stage, epoch, step, names, pending)
                reported = time.monotonic()
            self._handle_control(stage, names, pending)
        self._flush(stage, epoch, steps - 1, names, pending)
        self._check_weights(stage, epoch, steps - 1)
        self._end_epoch(stage, epoch, steps, began)

    def _end_epoch(self, stage: Stage, epoch: int, steps: int, began: float) -> None:
        """What follows the last of an epoch's `steps`: means, monitors, selection, a checkpoint."""
        means = {name: value / steps for name, value in self._sums.items()}
        self._sums = {}
        self.position = Position(self.position.stage, epoch + 1, 0)
        self._recovery(stage, epoch)
        monitors = self.method.end_epoch(stage)
        seconds = round(time.monotonic() - began, 4)
        self.writer.write(
            events.EpochEnded(stage=stage.name, epoch=epoch, values=means, seconds=seconds)
        )
        self._monitor(stage, epoch, monitors)
        if stage.selects:
            self._select(stage, epoch)
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self._save(stage)

    def _descend(self, stage: Stage, loss: Tensor, progress: float) -> None:
        optimiser = self._optimiser
        if optimiser is None:
            raise TrainingError(f"stage {stage.name} has epochs but no optimiser")
        for group in optimiser.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = stage.schedule(group["initial_lr"], progress)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def _flush(
        self, stage: Stage, epoch: int, step: int, names: list[str], pending: list[Tensor]
    ) -> dict[str, float]:
        """Adds pending steps to the epoch's sums and returns their means.

        One transfer from the device for many steps; raises TrainingError naming step and term.
        """
        if not pending:
            return {}
        values = torch.stack(pending).double().cpu()
        if not bool(values.isfinite().all()):
            row, column = (~values.isfinite()).nonzero()[0].tolist()
            raise TrainingError(
                f"the loss is not finite: {names[column]} is {values[row, column].item()} at step "
                f"{step - len(pending) + 1 + row} of epoch {epoch} of stage {stage.name}",
                remedy="a smaller learning rate or weight of that term; the last good checkpoint "
                "is kept",
            )
        sums = dict(zip(names, values.sum(0).tolist(), strict=True))
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in sums.items()}
        count = len(pending)
        pending.clear()
        return {name: value / count for name, value in sums.items()}

    def _check_weights(self, stage: Stage, epoch: int, step: int) -> None:
        """Raises TrainingError for weights that are not finite, which a finite loss can lead to:
        neither a checkpoint nor the best model may ever hold them.
        """
        weights = dict(self.method.named_parameters())
        if not weights:
            return
        finite = torch.stack([weight.detach().isfinite().all() for weight in weights.values()])
        if not bool(finite.all()):
            name = list(weights)[int(finite.logical_not().nonzero()[0])]
            raise TrainingError(
                f"the weights are not finite: {name} after step {step} of epoch {epoch} of stage "
                f"{stage.name}",
                remedy="a smaller learning rate; the last good checkpoint is kept",
            )

    def _report(
        self, stage: Stage, epoch: int, step: int, names: list[str], pending: list[Tensor]
    ) -> None:
        values = self._flush(stage, epoch, step, names, pending)
        self.writer.write(events.Loss(stage=stage.name, epoch=epoch, step=step + 1, values=values))

    def _monitor(self, stage: Stage, epoch: int, monitors: Mapping[str, float]) -> None:
        if monitors:
            self.writer.write(events.Monitors(stage=stage.name, epoch=epoch, values=dict(monitors)))

    def _recovery(self, stage: Stage, epoch: int) -> None:
        recovered = self.method.recovered(stage)
        if recovered is not None:
            self.writer.write(
                label_recovery.recovery_event(stage.name, epoch, recovered, self.data)
            )

    def _select(self, stage: Stage, epoch: int) -> None:
        """Scores the epoch on what selects, and keeps the model if it is the best so far.

        Without any score (no validation query has a known relevant item) the last epoch stays.
        """
        self.method.eval()
        validated = self.validation.score(self.method)
        scores = validated.scores
        if not scores:
            return
        self._monitor(stage, epoch, validated.monitors)
        self.writer.write(
            events.Scores(stage=stage.name, epoch=epoch, on=self.validation.on, values=scores)
        )
        if self.spec.select != "last":
            self.best.offer(self.validation.summary(scores), stage.name, epoch, self.method)

    def _handle_control(self, stage: Stage, names: list[str], pending: list[Tensor]) -> None:
        """Handles a request: pause saves and waits, stop saves and ends."""
        request = control.read(self.run)
        if request is None:
            return
        control.clear(self.run)
        if request == "go":
            return
        at = self.position
        self._flush(stage, at.epoch, at.step - 1, names, pending)
        self._check_weights(stage, at.epoch, at.step - 1)
        self._save(stage)
        if request == "pause":
            self.writer.write(events.Paused())
            while (request := control.read(self.run)) not in ("go", "stop"):
                self.writer.require_in_place()
                time.sleep(0.2)
            control.clear(self.run)
            self.writer.write(events.Continued())
        if request == "stop":
            raise StopAskedError("asked to stop")

    def _save(self, stage: Stage) -> None:
        state = Checkpoint(
            spec_hash=self.spec.hash,
            position=self.position,
            model=self.method.state_dict(),
            optimiser=None if self._optimiser is None else self._optimiser.state_dict(),
            best=self.best,
            sums=self._sums,
        )
        checkpoint.save(self.run, state)
        self._saved = time.monotonic()
        self.writer.write(
            events.Saved(
                stage=stage.name,
                epoch=self.position.epoch,
                step=self.position.step,
                best=self.best.score,
            )
        )

    def _load(self, stages: list[Stage]) -> bool:
        """Continues from the last checkpoint; False when there is none."""
        state = checkpoint.load(self.run, self.spec.hash)
        if state is None:
            return False
        self.position, self._sums = state.position, state.sums
        self.best = state.best
        self.best.model = {k: v.to(self.data.device) for k, v in state.best.model.items()}
        try:
            self.method.load_state_dict(state.model)
            if state.optimiser is not None:
                self._optimiser = self.method.optimiser(stages[self.position.stage])
                self._optimiser.load_state_dict(state.optimiser)
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            path = checkpoint.path_of(self.run)
            raise DamagedFileError(
                f"does not fit the method of this version: {str(error).splitlines()[0]}",
                where=path,
                remedy=f"delete {path} to start this run from its beginning",
            ) from error
        return True
