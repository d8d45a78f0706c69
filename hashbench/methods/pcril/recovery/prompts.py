"""Prompts for sets of labels, P(K): a set of classes in, a text feature out (PCRIL, eq. 1).

Three kinds of them: learned (the paper's), conventional (the mean of learned one-class prompts)
and phrasal ("A photo of a, b, and c.", nothing learned). All take sets as rows of a (b, C) bool
matrix and give (b, d) features of unit length.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.errors import InputError
from hashbench.methods.context import TextTower

TOKENS_A_BATCH = 16_384  # so that memory does not grow with the number of sets
PADDED = 1.5  # the longest prompt of a batch, over the shortest


class SetPrompts(nn.Module, ABC):
    """Label-set prompts. A set costs `base` tokens and `cost[c]` (C) more for each class in it.

    The tokens of a prompt may not be more than the tower's context; `room` is what is left of it
    for classes. Raises InputError for a class whose name alone does not fit.
    """

    cost: Tensor

    def __init__(self, tower: TextTower, names: Sequence[str], base: int, around: int) -> None:
        super().__init__()
        self.tower = tower
        self.names = tuple(names)
        self.token_ids = [tower.token_ids(name) for name in names]
        self.base = base
        self.room = tower.context - base
        lengths = [len(ids) + around for ids in self.token_ids]
        for name, length in zip(names, lengths, strict=True):
            if length > self.room:
                raise InputError(
                    f"the class name {_short(name)!r} takes {length} tokens with its prompt, and "
                    f"the text tower has room for {self.room}",
                    where="class names",
                    remedy="a shorter name for that class",
                )
        self.register_buffer("cost", torch.tensor(lengths), persistent=False)

    def costs(self, sets: Tensor) -> Tensor:
        """(b) tokens that the classes of each set (b, C) take out of `room`."""
        return (sets * self.cost).sum(1)

    @abstractmethod
    def forward(self, sets: Tensor, order: Tensor | None = None) -> Tensor:
        """(b, C) bool -> (b, d) of unit length; classes stand in `order`, a permutation of C."""

    def embed(self, sets: Tensor, order: Tensor | None = None) -> Tensor:
        """The same for any number of sets: short and long ones apart, so that each batch can be cut
        after its longest prompt without much padding."""
        lengths, rank = (self.base + self.costs(sets)).sort(stable=True)
        ascending = lengths.tolist()
        parts, first = [], 0
        while first < len(ascending):
            fits = first + max(1, TOKENS_A_BATCH // ascending[first])
            end = bisect_right(ascending, PADDED * ascending[first], first, min(fits, len(sets)))
            parts.append(self(sets[rank[first:end]], order))
            first = end
        features = torch.cat(parts)
        back = torch.empty_like(rank)
        back[rank] = torch.arange(len(rank), device=rank.device)
        return features[back]


class LearnedPrompts(SetPrompts):
    """start | agnostic prefix | for each class: prefix, name, suffix | agnostic suffix | end.

    `agnostic` tokens go before and as many behind all classes, `specific` ones before and behind
    each name. They are learned; names, start and end are rows of the frozen token table. Learned
    tokens start from N(0, std^2).
    """

    def __init__(
        self, tower: TextTower, names: Sequence[str], agnostic: int, specific: int, std: float
    ) -> None:
        super().__init__(tower, names, 2 + 2 * agnostic, 2 * specific)
        width, classes = tower.width, len(names)
        self.agnostic = nn.Parameter(std * torch.randn(2 * agnostic, width))
        self.specific = nn.Parameter(std * torch.randn(classes, 2 * specific, width))
        self.first_agnostic: Tensor
        self.first_specific: Tensor
        self.register_buffer("first_agnostic", self.agnostic.detach().clone())
        self.register_buffer("first_specific", self.specific.detach().clone())
        ids = [tower.start, tower.end, *(token for name in self.token_ids for token in name)]
        self.fixed: Tensor
        self.register_buffer("fixed", tower.embed(torch.tensor(ids)), persistent=False)
        self.segments: Tensor
        self.register_buffer("segments", self._segments(agnostic, specific), persistent=False)

    def _segments(self, agnostic: int, specific: int) -> Tensor:
        """(C, longest) the rows that a class stands for, out of `_table`; -1 behind its end."""
        place = 2 + sum(len(ids) for ids in self.token_ids) + 2 * agnostic
        name = 2
        out = torch.full((len(self.names), int(self.cost.max())), -1)
        for c, ids in enumerate(self.token_ids):
            own = place + 2 * specific * c + torch.arange(2 * specific)
            row = torch.cat([own[:specific], name + torch.arange(len(ids)), own[specific:]])
            out[c, : len(row)] = row
            name += len(ids)
        return out

    def _table(self) -> Tensor:
        """Every token there is: start, end, names | agnostic | specific | one row of padding."""
        padding = self.fixed.new_zeros(1, self.fixed.shape[1])
        return torch.cat([self.fixed, self.agnostic, self.specific.flatten(0, 1), padding])

    def layout(self, sets: Tensor, order: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Which row of the table stands where: (b, L) and the place of the end token (b)."""
        order = torch.arange(sets.shape[1], device=sets.device) if order is None else order
        member, cost, segments = sets[:, order], self.cost[order], self.segments[order]
        half = len(self.agnostic) // 2
        shared = len(self.fixed) + torch.arange(2 * half, device=sets.device)
        taken = (member * cost).cumsum(1)
        # a class begins behind start, prefix and all classes of the set before it
        begin = 1 + half + taken - member * cost
        ends = self.base - 1 + taken[:, -1]
        length = int(ends.max()) + 1
        padding = len(self.fixed) + len(self.agnostic) + self.specific[..., 0].numel()
        # classes outside of a set, and what is behind short names, go to one column too many
        rows = torch.full((len(sets), length + 1), padding, device=sets.device)
        rows[:, 0] = 0
        rows[:, 1 : 1 + half] = shared[:half]
        place = begin[:, :, None] + torch.arange(segments.shape[1], device=sets.device)
        nowhere = ~member[:, :, None] | (segments < 0)
        place = place.masked_fill(nowhere, length)
        rows.scatter_(1, place.flatten(1), segments.expand(len(sets), -1, -1).flatten(1))
        # suffix and end token close each prompt where its classes end
        tail = ends[:, None] - half + torch.arange(half + 1, device=sets.device)
        closing = torch.cat([shared[half:], shared.new_ones(1)])
        rows.scatter_(1, tail, closing.expand(len(sets), -1))
        return rows[:, :length], ends

    def forward(self, sets: Tensor, order: Tensor | None = None) -> Tensor:
        """(b, C) bool -> (b, d) of unit length, with gradients into the learned tokens."""
        rows, ends = self.layout(sets, order)
        return F.normalize(self.tower(F.embedding(rows, self._table()), ends), dim=1)

    @property
    def drift(self) -> float:
        """How far the learned tokens are from where they began, relative to their size there."""
        now = torch.cat([self.agnostic, self.specific.flatten(0, 1)]).detach()
        then = torch.cat([self.first_agnostic, self.first_specific.flatten(0, 1)])
        return float((now - then).norm() / then.norm().clamp_min(1e-12))


class ConventionalPrompts(LearnedPrompts):
    """A set's feature is the mean of its classes' one-class prompts, as others do it."""

    def forward(self, sets: Tensor, order: Tensor | None = None) -> Tensor:
        """(b, C) bool -> (b, d); the empty set keeps its own prompt."""
        classes = sets.shape[1]
        single = torch.eye(classes + 1, classes, dtype=torch.bool, device=sets.device)
        each = super().forward(single, order)
        mean = sets.to(each.dtype) @ each[:classes]
        return F.normalize(torch.where(sets.any(1, keepdim=True), mean, each[classes]), dim=1)

    def embed(self, sets: Tensor, order: Tensor | None = None) -> Tensor:
        """The same: however many sets, the prompts that are embedded are those of one class."""
        return self.forward(sets, order)


class PhrasalPrompts(SetPrompts):
    """'A photo of a, b, and c.', as a raw CLIP would be asked."""

    def __init__(self, tower: TextTower, names: Sequence[str]) -> None:
        # start, "a photo of", "and", ".", end; a comma comes with every class but the last
        super().__init__(tower, names, 2 + len(tower.token_ids("a photo of")) + 2, 1)

    def sentence(self, members: Sequence[int], order: Sequence[int]) -> str:
        """The sentence of a set; the empty set is 'A photo.'"""
        chosen = set(members)
        names = [self.names[c] for c in order if c in chosen]
        if not names:
            return "A photo."
        if len(names) == 1:
            return f"A photo of {names[0]}."
        return f"A photo of {', '.join(names[:-1])}, and {names[-1]}."

    def forward(self, sets: Tensor, order: Tensor | None = None) -> Tensor:
        """(b, C) bool -> (b, d) of unit length; there is nothing to learn."""
        places = list(range(len(self.names))) if order is None else order.tolist()
        tower = self.tower
        texts = [
            [
                tower.start,
                *tower.token_ids(self.sentence(row.nonzero()[:, 0].tolist(), places)),
                tower.end,
            ]
            for row in sets.cpu()
        ]
        ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
        ends = torch.tensor([len(text) - 1 for text in texts], device=sets.device)
        return F.normalize(self.tower(self.tower.embed(ids), ends), dim=1)


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."
