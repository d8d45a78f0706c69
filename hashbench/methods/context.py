"""What a method is built from: the items it fits, its parameters, the backbone's frozen parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

import torch
from torch import Tensor

from hashbench.errors import InputError
from hashbench.nn.towers import Towers
from hashbench.plan.card import Value
from hashbench.plan.directions import CROSS_MODAL


@dataclass(frozen=True)
class TrainingSet:
    """What a method may see of the n items it fits, on the device.

    `images` (n, d) and `texts` (n, d) are pooled features of the frozen backbone, `texts` those of
    caption 0. `labels` (n, C) holds 1 for known positives and 0 elsewhere; `known` (n, C) says
    which entries are known at all. `numbers` (n) are the items' places in the dataset.
    """

    images: Tensor
    texts: Tensor
    labels: Tensor
    known: Tensor
    numbers: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def without_labels(self) -> TrainingSet:
        """The same items, of which no label is known: what unsupervised methods are given."""
        nothing = torch.zeros_like(self.known)
        return replace(self, labels=torch.zeros_like(self.labels), known=nothing)

    def item_numbers(self) -> Tensor:
        """(n) the items' places in the dataset, for draws that belong to an item."""
        if self.numbers is None:
            raise TypeError("this training set was made without the numbers of its items")
        return self.numbers


class PromptEncoder(Protocol):
    """The frozen text tower of the backbone, for sentences that are not captions of items."""

    def __call__(self, sentences: Sequence[str]) -> Tensor:
        """(k, d) features of k sentences, on the device, cached on disk."""
        ...


class TextTower(Protocol):
    """The frozen text tower from its token embeddings on; gradients reach what is put in.

    `width` is that of a token, `context` the most tokens a text may have, start and end included,
    `scale` what cosines are multiplied with to be logits (1 / tau of CLIP). `start` and `end` are
    the ids of the tokens that every text begins and ends with.
    """

    width: int
    context: int
    scale: float
    start: int
    end: int

    def token_ids(self, text: str) -> list[int]:
        """The byte-pair tokens of a text, without start and end, not cut."""
        ...

    def embed(self, ids: Tensor) -> Tensor:
        """(...) token ids -> (..., width), before positions are added."""
        ...

    def __call__(self, tokens: Tensor, ends: Tensor) -> Tensor:
        """(b, L, width) embedded tokens, L <= context, and the end token's place in each (b).

        Returns (b, d) features, not normalised. What follows an end token has no influence.
        """
        ...


Report = Callable[[str, int, int], None]
"""(what, done, total): how far something long outside of training is."""


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _no_tower() -> NoReturn:
    raise InputError("the backbone has no text tower to learn prompts with", where="--backbone")


def _no_towers() -> NoReturn:
    raise TypeError("the card of this method names no tuned_blocks")


@dataclass(frozen=True)
class MethodContext:
    """All that a method is built from. `unknown` is the run's treatment of unknown labels.

    `held_out` are the validation queries, to measure by and never to learn from; there are none
    where all training items are fitted. `encodes_prompts` is false for features of unknown
    encoders, where `prompts` refuses. `text_tower` loads the backbone, so a method that does not
    need it does not call it; `towers` makes the ends of both towers, for methods whose card names
    `tuned_blocks`.
    """

    bits: tuple[int, ...]
    params: Mapping[str, Value]
    class_names: tuple[str, ...]
    train: TrainingSet
    prompts: PromptEncoder
    seed: int
    unknown: str = "negative"
    text_tower: Callable[[], TextTower] = _no_tower
    report: Report = _silent
    towers: Callable[[], Towers] = _no_towers
    protocol: str = "strict"
    directions: tuple[str, ...] = CROSS_MODAL
    held_out: TrainingSet | None = None
    encodes_prompts: bool = True

    def real(self, name: str) -> float:
        """Parameter `name`, a number."""
        return float(self._param(name))

    def whole(self, name: str) -> int:
        """Parameter `name`, a whole number."""
        return int(self._param(name))

    def flag(self, name: str) -> bool:
        """Parameter `name`, yes or no."""
        return bool(self._param(name))

    def text(self, name: str) -> str:
        """Parameter `name`, a word."""
        return str(self._param(name))

    def _param(self, name: str) -> Value:
        """Raises InputError for a parameter that the run's spec, of an earlier version, lacks."""
        if name not in self.params:
            raise InputError(
                f"this run is of an earlier version, whose method had no parameter {name!r}",
                where="spec.toml",
                remedy="start it anew with the same options",
            )
        return self.params[name]

    def word_rows(self, text: str) -> Tensor:
        """(k, w) token embeddings of a text, without start, end and positions."""
        tower = self.text_tower()
        return tower.embed(torch.tensor(tower.token_ids(text), dtype=torch.long))
