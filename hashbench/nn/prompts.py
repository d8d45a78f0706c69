"""Prompts as token sequences: a sentence around the names of an item's classes, and a context.

The releases of PromptHash and PGHMH look a sentence such as "This is an image containing a and b."
up in the frozen token table, without positions, and add a context of 77 vectors to it. The context
is meant to be learned (neither release hands it to its optimiser).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FAINT = 0.1
"""A class that is less likely than this is left out of a prompt."""

CONTEXT_LENGTH = 77
CONTEXT_STD = 0.02


@dataclass(frozen=True)
class Prompt:
    """`tokens` (n, m, w); the weight of each (n, m), from 0 (padding) to 1; and the column of the
    one whose state may stand for the whole prompt, `pooled_at` (n).
    """

    tokens: Tensor
    weights: Tensor
    pooled_at: Tensor

    def __getitem__(self, rows: Tensor) -> Prompt:
        """The prompts of some items."""
        return Prompt(self.tokens[rows], self.weights[rows], self.pooled_at[rows])

    def bias(self) -> Tensor:
        """(n, m) to add to attention logits: a token is attended to as much as it weighs."""
        return torch.log(self.weights)

    def mean(self, states: Tensor) -> Tensor:
        """(n, m, d) -> (n, d), weighted."""
        weights = self.weights / self.weights.sum(1, keepdim=True)
        return (states * weights[:, :, None]).sum(1)

    def pooled(self, states: Tensor) -> Tensor:
        """(n, m, d) -> (n, d), the states at `pooled_at`."""
        return states[torch.arange(len(states), device=states.device), self.pooled_at]


@dataclass(frozen=True)
class Sentence:
    """Token embeddings of what stands `before` (a, w) and `after` (b, w) the class names, start
    and end tokens included, and of each class name (t_c, w).
    """

    before: Tensor
    classes: Sequence[Tensor]
    after: Tensor


class PromptLearner(nn.Module):
    """Class weights of items -> prompts. Each token is shifted by the context of its position.

    With `sample_width` d, all tokens of an item are shifted by what a small network makes of the
    item's feature (n, d), too, so that the context depends on the item.
    """

    def __init__(self, sentence: Sentence, *, trained: bool = True, sample_width: int = 0) -> None:
        super().__init__()
        width = sentence.before.shape[1]
        start = CONTEXT_STD * torch.randn(CONTEXT_LENGTH, width)
        self.context = nn.Parameter(start, requires_grad=trained)
        # the tokens of all class names one behind the other, and the class of each
        lengths = torch.tensor([len(tokens) for tokens in sentence.classes])
        tokens = {
            "before": sentence.before,
            "after": sentence.after,
            "class_tokens": torch.cat(list(sentence.classes)),
            "class_of": torch.arange(len(lengths)).repeat_interleave(lengths),
            "place": torch.cat([torch.arange(int(length)) for length in lengths]),
        }
        self.before: Tensor
        self.after: Tensor
        self.class_tokens: Tensor
        self.class_of: Tensor
        self.place: Tensor
        for name, value in tokens.items():
            self.register_buffer(name, value.clone(), persistent=False)
        self._longest_name = int(lengths.max())
        self.sample: nn.Sequential | None = None
        if sample_width:
            last = nn.Linear(sample_width, width)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.sample = nn.Sequential(
                nn.Linear(sample_width, sample_width), nn.ReLU(), nn.LayerNorm(sample_width), last
            )

    def forward(
        self, weights: Tensor, sample: Tensor | None = None, ends: Tensor | None = None
    ) -> Prompt:
        """Class weights (n, C) -> prompts that hold every class of a weight above 0.

        `ends` (n) are the positions in the prompts at which they are pooled, negative where that is
        the prompt's own end token; without them it is for all.
        """
        n, device = len(weights), weights.device
        classes, class_weights = self._ordered(weights)
        counts = (class_weights > 0).sum(1)

        # before | class tokens, padded to the longest item | after
        a, b = len(self.before), len(self.after)
        parts = [self.before.expand(n, -1, -1), classes, self.after.expand(n, -1, -1)]
        part_weights = [weights.new_ones(n, a), class_weights, weights.new_ones(n, b)]
        # positions count real tokens alone, so that the other items of the batch do not matter
        part_positions = [
            torch.arange(a + classes.shape[1], device=device).expand(n, -1),
            (a + counts)[:, None] + torch.arange(b, device=device),
        ]
        pooled = a + counts + b - 1
        if ends is not None:
            # a wanted position may lie behind the prompt's end: a token of nothing but context,
            # which reads the others and is read by none
            pooled = torch.where(ends < 0, pooled, ends)
            parts.append(classes.new_zeros(n, 1, classes.shape[2]))
            part_weights.append(weights.new_zeros(n, 1))
            part_positions.append(pooled[:, None])
        token_weights, positions = torch.cat(part_weights, 1), torch.cat(part_positions, 1)
        shift = self.context[positions.clamp_max(len(self.context) - 1)]
        if self.sample is not None and sample is not None:
            shift = shift + self.sample(sample)[:, None]
        column = _column_of(positions, token_weights, pooled)
        return Prompt(torch.cat(parts, 1) + shift, token_weights, column)

    def _ordered(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (n, u, w) of each item's classes, the heaviest class first, and their weights
        (n, u), u as large as the longest item needs.
        """
        token_weights = weights[:, self.class_of]
        rank = weights.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        key = rank[:, self.class_of] * self._longest_name + self.place
        key = key.masked_fill(token_weights <= 0, weights.shape[1] * self._longest_name)
        used = int((token_weights > 0).sum(1).max()) if len(weights) else 0
        order = key.argsort(dim=1, stable=True)[:, :used]
        return self.class_tokens[order], token_weights.gather(1, order)


def _column_of(positions: Tensor, weights: Tensor, wanted: Tensor) -> Tensor:
    """(n) the column that holds the real token at a wanted position, else the last column."""
    holds = (positions == wanted[:, None]) & (weights > 0)
    holds[:, -1] = True
    return holds.int().argmax(dim=1)


def strongest(probabilities: Tensor, most: int) -> Tensor:
    """(n, C) class weights: the `most` likeliest classes of each item, the faint ones left out."""
    values, chosen = probabilities.topk(min(most, probabilities.shape[1]), dim=1)
    values = torch.where(values >= FAINT, values, 0.0)
    return torch.zeros_like(probabilities).scatter(1, chosen, values)
