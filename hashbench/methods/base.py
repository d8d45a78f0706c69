"""The contract of a method: what it is given, what it trains, how it encodes.

An encoder sees one modality of the items and nothing else. `encode_image(images)` and
`encode_text(texts)` have no other argument, so labels and the paired modality cannot reach a code.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from hashbench.plan.card import Value

Schedule = Callable[[float, float], float]
"""(initial learning rate, progress through the stage from 0 to 1) -> learning rate."""


def constant(initial: float, progress: float) -> float:  # noqa: ARG001
    """The learning rate stays as it is."""
    return initial


def cosine(initial: float, progress: float) -> float:
    """Half a cosine from the initial learning rate down to zero."""
    return initial * 0.5 * (1.0 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Stage:
    """A stage of training. `selects`: its validation mAP may choose the best epoch."""

    name: str
    title: str
    epochs: int
    batch_size: int
    schedule: Schedule = cosine
    selects: bool = True


@dataclass(frozen=True)
class TrainingSet:
    """What a method may see of the n items it fits, on the device.

    `images` (n, d) and `texts` (n, d) are pooled features of the frozen backbone, `texts` those of
    caption 0. `labels` (n, C) holds 1 for known positives and 0 elsewhere; `known` (n, C) says
    which entries are known at all.
    """

    images: Tensor
    texts: Tensor
    labels: Tensor
    known: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Batch:
    """Rows of the training set; `index` (b) are their positions in it.

    `texts` are features of one caption an item, chosen anew each epoch by the run's seed.
    """

    index: Tensor
    images: Tensor
    texts: Tensor
    labels: Tensor
    known: Tensor


@dataclass(frozen=True)
class Term:
    """A term of a loss as the paper writes it, and the weight with which it enters the sum."""

    value: Tensor
    weight: float = 1.0


class PromptEncoder(Protocol):
    """The frozen text tower of the backbone, for sentences that are not captions of items."""

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """(k, d) features of k sentences, on the device, cached on disk."""
        ...


@dataclass(frozen=True)
class Setting:
    """All that a method is built from. `unknown` is the run's treatment of unknown labels."""

    bits: tuple[int, ...]
    params: Mapping[str, Value]
    class_names: tuple[str, ...]
    train: TrainingSet
    prompts: PromptEncoder
    seed: int
    unknown: str = "negative"

    def real(self, name: str) -> float:
        """Parameter `name`, a number."""
        return float(self.params[name])

    def whole(self, name: str) -> int:
        """Parameter `name`, a whole number."""
        return int(self.params[name])

    def flag(self, name: str) -> bool:
        """Parameter `name`, yes or no."""
        return bool(self.params[name])

    def text(self, name: str) -> str:
        """Parameter `name`, a word."""
        return str(self.params[name])


class Method(nn.Module, ABC):
    """A hashing method. Everything that a resumed run needs is a parameter or a buffer of it.

    The conductor calls, stage by stage: `begin_stage`, `optimiser`, then for each batch `losses`
    and after each epoch `end_epoch`, at last `end_stage`. Random draws use torch's global
    generator, which the conductor seeds from (seed, stage, epoch, step) before each step.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.bits = setting.bits

    @abstractmethod
    def stages(self) -> Sequence[Stage]:
        """The stages in their order; a stage of 0 epochs does its work in `begin_stage`."""

    def begin_stage(self, stage: Stage) -> None:
        """Prepares a stage: memories, targets, frozen parts. Not called again on resume."""

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:
        """A fresh optimiser over what the stage trains."""
        raise TypeError(f"{type(self).__name__} does not train in stage {stage.name}")

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """The named terms of the stage's loss on one batch; their weighted sum is minimised."""
        raise TypeError(f"{type(self).__name__} does not train in stage {stage.name}")

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Updates what changes once an epoch; returns monitors (name -> number)."""
        return {}

    def end_stage(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Freezes what the next stage builds on; returns monitors."""
        return {}

    @abstractmethod
    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) image features -> relaxed codes (n, K) for each bit length K, real numbers.

        The bit is 1 where the relaxed code is at least 0.
        """

    @abstractmethod
    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) text features -> relaxed codes, as `encode_image`."""


def total(terms: Iterable[Term]) -> Tensor:
    """The weighted sum that is minimised."""
    return torch.stack([term.weight * term.value for term in terms]).sum()
