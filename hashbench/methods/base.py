"""The contract of a method: what it trains, how it encodes.

An encoder sees one modality of the items and nothing else. `encode_image(images)` and
`encode_text(texts)` have no other argument, so labels and the paired modality cannot reach a code.
Methods of one fused code an item implement `encode_mm(images, texts, available)`, which has no
labels. What a paper's code did beyond that is `encode_published`, called under
`--protocol published` only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hashbench.methods.context import MethodContext
from hashbench.nn.tokens import Tokens

Role = Literal["query", "database"]

Schedule = Callable[[float, float], float]
"""(initial learning rate, progress through the stage from 0 to 1) -> learning rate."""


def cosine(initial: float, progress: float) -> float:
    """Half a cosine from the initial learning rate down to zero."""
    return initial * 0.5 * (1.0 + math.cos(math.pi * progress))


def constant(initial: float, progress: float) -> float:  # noqa: ARG001
    """The initial learning rate, all the time."""
    return initial


@dataclass(frozen=True)
class Stage:
    """A stage of training. `selects`: its validation mAP may choose the best epoch.

    `replacement`: the items of an epoch are drawn with replacement instead of shuffled. `patience`:
    a stage that selects ends after so many epochs without a better score, 0 for never; the
    parameter of that name says how many.
    """

    name: str
    title: str
    epochs: int
    batch_size: int
    schedule: Schedule = cosine
    selects: bool = True
    replacement: bool = False
    patience: int = 0

    def steps(self, items: int) -> int:
        """Steps of an epoch over a training set of so many items."""
        return -(-items // self.batch_size)


@dataclass(frozen=True)
class Batch:
    """Rows of the training set; `index` (b) are their positions in it.

    `texts` are features of one caption an item, chosen anew each epoch by the run's seed. Methods
    that tune the backbone's last blocks get the inputs of the first of these, too.
    """

    index: Tensor
    images: Tensor
    texts: Tensor
    labels: Tensor
    known: Tensor
    image_tokens: Tokens | None = None
    text_tokens: Tokens | None = None

    def tokens(self) -> tuple[Tokens, Tokens]:
        """Image and text tokens, for runs of methods whose card names `tuned_blocks`."""
        if self.image_tokens is None or self.text_tokens is None:
            raise TypeError("this run tunes no blocks")
        return self.image_tokens, self.text_tokens

    def inputs(self, *, tuned: bool) -> tuple[Tensor | Tokens, Tensor | Tokens]:
        """What both encoders read: tokens where blocks are `tuned`, else pooled features."""
        return self.tokens() if tuned else (self.images, self.texts)


@dataclass(frozen=True)
class Parts:
    """Items of one modality part by part (patches of pictures, or tokens of words), to look at what
    a method attends to; nothing is trained or scored with them.

    `features` (n, P, d) are those of the parts, from the frozen tower; `labels` (n, C) the true
    ones. Methods that tune blocks get the inputs of the first of these, too, in which a class token
    stands before the patches, and start and end token around those of words.
    """

    features: Tensor
    labels: Tensor
    tokens: Tokens | None


@dataclass(frozen=True)
class Term:
    """A term of a loss as the paper writes it, and the weight with which it enters the sum."""

    value: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class RecoveryPath:
    """How the labels of one training item (`item`, its row) were recovered, in words later.

    From `start`, the score of the known set, each step added a class and reached a score. `stop`
    is the best class that was refused and the score it would have led to, where there was one.
    `runners_up` are, for each step, the classes that came next, with the scores they would have
    led to.
    """

    item: int
    start: float
    steps: tuple[tuple[int, float], ...]
    stop: tuple[int, float] | None
    runners_up: tuple[tuple[tuple[int, float], ...], ...] = ()


@dataclass(frozen=True)
class Recovered:
    """Labels that a method has added to the known ones; the trainer knows whether they are true.

    `items` (m) are the rows of the training set that were looked at, `added` (m, C) bool the
    entries that were unknown and are taken for positive. `values` are what the method watches of
    its recovery, `paths` worked examples.
    """

    items: Tensor
    added: Tensor
    values: Mapping[str, float] = field(default_factory=dict)
    paths: Sequence[RecoveryPath] = ()


class Method(nn.Module, ABC):
    """A hashing method. Everything that a resumed run needs is a parameter or a buffer of it.

    The trainer calls, stage by stage: `begin_stage`, `optimiser`, then for each batch `losses`
    and after each epoch `recovered` and `end_epoch`, at last `end_stage`. Random draws use torch's
    global generator, which the trainer seeds from (seed, stage, epoch, step) before each step.
    """

    encoding_batch = 8192
    """Items that are encoded at once. It must not matter, but for published protocols."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__()
        self.context = context
        self.bits = context.bits

    def facts(self) -> Mapping[str, str]:
        """Facts of the run about the method, such as which kernel runs."""
        return {}

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

    def recovered(self, stage: Stage) -> Recovered | None:  # noqa: ARG002
        """Labels recovered so far, if the stage recovers any.

        Called before `end_epoch`, and in a stage of 0 epochs once, after `begin_stage`.
        """
        return None

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Updates what changes once an epoch; returns monitors (name -> number)."""
        return {}

    def end_stage(self, stage: Stage) -> Mapping[str, float]:  # noqa: ARG002
        """Freezes what the next stage builds on; returns monitors."""
        return {}

    def encode_image(self, images: Any) -> dict[int, Tensor]:  # noqa: ARG002
        """(n, d) image features -> relaxed codes (n, K) for each bit length K, real numbers.

        The bit is 1 where the relaxed code is at least 0. A method that tunes blocks gets `Tokens`
        in place of features, here and below.
        """
        raise TypeError(f"{type(self).__name__} does not encode images alone")

    def encode_text(self, texts: Any) -> dict[int, Tensor]:  # noqa: ARG002
        """(n, d) text features -> relaxed codes, as `encode_image`."""
        raise TypeError(f"{type(self).__name__} does not encode texts alone")

    def availability(self, items: Tensor, role: Role) -> Tensor:  # noqa: ARG002
        """(n, 2) whether items have an image and a text, given their numbers in the dataset (n)."""
        return torch.ones(len(items), 2, dtype=torch.bool, device=items.device)

    def encode_mm(self, images: Any, texts: Any, available: Tensor) -> dict[int, Tensor]:  # noqa: ARG002
        """One code of the `available` (n, 2) ones of image and text; the other must not matter."""
        raise TypeError(f"{type(self).__name__} does not fuse modalities")

    def patch_weights(self, patches: Parts) -> Tensor | None:  # noqa: ARG002
        """(n, P) what each patch of a picture weighs, for a person to look at; None for methods
        that weigh no patches.
        """
        return None

    def word_weights(self, words: Parts) -> Tensor | None:  # noqa: ARG002
        """(n, P) the same for the tokens between start and end token of texts of one length."""
        return None

    def encode_published(
        self,
        images: Any,  # noqa: ARG002
        texts: Any,  # noqa: ARG002
        labels: Tensor,  # noqa: ARG002
    ) -> dict[str, dict[int, Tensor]]:
        """modality -> relaxed codes as the paper's own code makes them, labels (n, C) and all."""
        raise TypeError(f"{type(self).__name__} has no other protocol than the strict one")


def total(terms: Iterable[Term]) -> Tensor:
    """The weighted sum that is minimised."""
    return torch.stack([term.weight * term.value for term in terms]).sum()
