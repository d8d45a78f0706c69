"""Potential label tree search (PCRIL): which unknown classes make the prompt fit?

From the set of known positives K on, each unknown class c is tried; the best one joins when it
raises the score Phi by at least half the margin; then again from the larger set. Label sets repeat
across items and steps, so that all items go step by step together, every distinct set that any of
them tries is embedded once, and an item's scores are looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

GATHERED = 1 << 24  # numbers that are looked up at once

Embed = Callable[[Tensor], Tensor]
"""(b, C) bool sets -> (b, d) features of unit length."""

Progress = Callable[[int, int], None]
"""(items done, items in all), after each step."""


def silent(done: int, total: int) -> None:
    """No progress is reported."""


@dataclass(frozen=True)
class Search:
    """The outcome of a search for n items and C classes.

    added: (n, C) bool, classes that joined.
    step: (n, C) long, the step at which each of them joined, from 1 on; 0 for all others.
    score: (n, C) the score reached when it joined.
    start: (n) the score of the known set.
    refused: (n) the best of the classes that were tried at the last step and did not join; -1
        where there was none.
    refused_score: (n) the score that it would have led to.
    gain: (n, C) what each class that was tried and refused would have added at the last step;
        -inf for the others.
    """

    added: Tensor
    step: Tensor
    score: Tensor
    start: Tensor
    refused: Tensor
    refused_score: Tensor
    gain: Tensor


class SetTable:
    """Features of every distinct set asked for so far; a new one is embedded when first asked."""

    def __init__(self, embed: Embed, classes: int, device: torch.device) -> None:
        self._embed = embed
        # 62 classes a word, so that words sort as positive numbers
        self._word = torch.arange(classes, device=device) // 62
        self._bit = 2 ** (torch.arange(classes, device=device) % 62)
        self._words = -(-classes // 62)
        self._keys = torch.zeros(0, self._words, dtype=torch.long, device=device)
        self.features = torch.zeros(0, 0, device=device)

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, sets: Tensor) -> Tensor:
        """(b) rows of `features` that belong to sets (b, C) bool."""
        keys = self._keys.new_zeros(len(sets), self._words)
        keys.index_add_(1, self._word, sets * self._bit)
        distinct, place = _unique(torch.cat([self._keys, keys]))
        old = len(self._keys)
        # which row of `features` a distinct key has: the old ones first, then the new in key order
        row = torch.full((len(distinct),), -1, device=keys.device)
        row[place[:old]] = torch.arange(old, device=keys.device)
        new = (row < 0).nonzero()[:, 0]
        if len(new):
            row[new] = old + torch.arange(len(new), device=keys.device)
            first = torch.full((len(distinct),), -1, device=keys.device)
            first[place[old:]] = torch.arange(len(keys), device=keys.device)
            embedded = self._embed(sets[first[new]])
            self.features = torch.cat([self.features, embedded]) if old else embedded
            self._keys = torch.cat([self._keys, distinct[new]])
        return row[place[old:]]


def _unique(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows of (m, words) and which of them each row is; one word sorts much faster."""
    if keys.shape[1] == 1:
        distinct, place = torch.unique(keys[:, 0], return_inverse=True)
        return distinct[:, None], place
    distinct, place = torch.unique(keys, dim=0, return_inverse=True)
    return distinct, place


@torch.no_grad()
def search(
    embed: Embed,
    items: Tensor,
    positive: Tensor,
    candidates: Tensor,
    cost: Tensor,
    room: int,
    threshold: float,
    *,
    recursive: bool = True,
    report: Progress = silent,
) -> Search:
    """Searches potential labels of n items.

    items: (n, d), so that Phi_i(K) = embed(K) . items[i]. positive: (n, C) bool, the sets to start
    from. candidates: (n, C) bool, classes that may join (those that are unknown). A set whose
    classes `cost` (C) more than `room` tokens is never tried, and an item whose known set does is
    left as it is. `threshold` is the least gain, half the margin. Of equal gains the first class
    wins. With `recursive` off, every class that alone gains enough joins in a single step.
    """
    n, C = positive.shape
    device = positive.device
    table = SetTable(embed, C, device)
    sets, left = positive.clone(), candidates & ~positive
    outcome = Search(
        added=torch.zeros_like(positive),
        step=torch.zeros(n, C, dtype=torch.long, device=device),
        score=items.new_zeros(n, C),
        start=items.new_zeros(n),
        refused=torch.full((n,), -1, device=device),
        refused_score=items.new_zeros(n),
        gain=items.new_full((n, C), -torch.inf),
    )
    active = ((sets * cost).sum(1) <= room).nonzero()[:, 0]
    outcome.start[active] = _scores(table, sets[active], items, active)
    reached = outcome.start.clone()
    for number in range(1, C + 1 if recursive else 2):
        # every class that is left and has room, for every item that gained in the step before
        tried = left[active] & ((sets[active] * cost).sum(1, keepdim=True) + cost <= room)
        row, column = tried.nonzero(as_tuple=True)
        owner = active[row]
        larger = sets[owner]
        larger[torch.arange(len(owner), device=device), column] = True
        scores = items.new_full((len(active), C), -torch.inf)
        scores[row, column] = _scores(table, larger, items, owner)
        # what was not tried scores -inf, and so gains -inf
        gain = scores - reached[active, None]
        enough = gain >= threshold
        joins = enough & _first_largest(gain) if recursive else enough
        outcome.gain[active] = gain.masked_fill(joins, -torch.inf)
        _refuse(outcome, active, scores.masked_fill(joins, -torch.inf), tried & ~joins)
        row, column = joins.nonzero(as_tuple=True)
        winners = active[row]
        sets[winners, column] = outcome.added[winners, column] = True
        left[winners, column] = False
        outcome.step[winners, column] = number
        outcome.score[winners, column] = reached[winners] = scores[row, column]
        active = winners  # who gained nothing has its final set
        report(n - len(active), n)
        if not len(active):
            break
    report(n, n)
    return outcome


def _refuse(outcome: Search, active: Tensor, scores: Tensor, refused: Tensor) -> None:
    """Notes the best refused class of each active item; a later step that joins notes anew."""
    outcome.refused[active] = torch.where(refused.any(1), scores.argmax(1), -1)
    best = scores.max(1).values
    outcome.refused_score[active] = torch.where(refused.any(1), best, torch.zeros_like(best))


def _scores(table: SetTable, sets: Tensor, items: Tensor, owner: Tensor) -> Tensor:
    """(m) Phi of each set (m, C) for the item that it belongs to (m)."""
    if not len(sets):
        return items.new_zeros(0)
    rows = table.rows(sets)
    at_once = max(1, GATHERED // items.shape[1])
    parts = [
        (table.features[rows[first : first + at_once]] * items[owner[first : first + at_once]]).sum(
            1
        )
        for first in range(0, len(rows), at_once)
    ]
    return torch.cat(parts)


def _first_largest(values: Tensor) -> Tensor:
    """(m, C) bool: in each row the first column that has the row's largest value."""
    first = (values == values.max(1, keepdim=True).values).int().argmax(1, keepdim=True)
    return torch.zeros_like(values, dtype=torch.bool).scatter(1, first, True)
