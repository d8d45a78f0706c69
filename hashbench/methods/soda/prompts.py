"""Label prompts: a set of class names as a sentence.

The template is a free text with one `{}`, where the names go: "An image of {}." is the paper's. An
item without a known label gets the sentence of no class in particular, "An image of something."
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.plan.card import PLACEHOLDER

CONTEXT = 2  # co-occurring classes that a context-aware prompt names at most


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(template: str, names: Sequence[str], context: Sequence[str] = ()) -> str:
    """The label prompt of a set of classes, and of the classes that are its context, if any."""
    filled = template.replace(PLACEHOLDER, listed(names) or "something")
    if not context:
        return filled
    return f"{filled.rstrip('. ')}, often seen with {listed(context)}."


def context_classes(train: TrainingSet, sets: Tensor) -> list[list[int]]:
    """For each set K (m, C) bool the classes that training items with K's classes tend to have.

    P(c | k) is the share of items with c among those that are known to have k and of which c is
    known; a set's is the mean over its classes. Named are the two largest, of the classes outside
    of K with P(c | K) > P(c): those that go along with K, rather than with everything. The empty
    set has no context. Only known training labels are counted.
    """
    positive, known = train.labels.double(), train.known.double()
    both = positive.T @ positive
    given = both / (positive.T @ known).clamp_min(1.0)  # (C, C): row k, column c
    alone = positive.sum(0) / known.sum(0).clamp_min(1.0)
    members = sets.double()
    share = members @ given / members.sum(1, keepdim=True).clamp_min(1.0)
    candidates = (share > alone) & ~sets & sets.any(1, keepdim=True)
    order = share.masked_fill(~candidates, -1.0).sort(dim=1, descending=True, stable=True).indices
    return [
        [c for c in row[:CONTEXT] if allowed[c]]
        for row, allowed in zip(order.tolist(), candidates.tolist(), strict=True)
    ]


def label_inputs(context: MethodContext, prompt: str, template: str) -> Tensor:
    """(n, d) what the label head reads of each training item: its label prompt's feature.

    `sentence` is one prompt for the set of an item's classes, `context` the same with classes that
    usually go along (see `context_classes`), `averaged` the mean of one unit-length prompt feature
    a class, and `one-hot` the label vector itself (n, C). Each distinct set is encoded once.
    """
    train, names = context.train, context.class_names
    if prompt == "one-hot":
        return train.labels
    if prompt == "averaged":
        each = context.prompts([sentence(template, [name]) for name in names])
        empty = context.prompts([sentence(template, [])])
        counts = train.labels.sum(1, keepdim=True)
        mean = train.labels @ F.normalize(each, dim=1) / counts.clamp_min(1.0)
        return torch.where(counts > 0, mean, F.normalize(empty, dim=1))
    sets, member = torch.unique(train.labels > 0, dim=0, return_inverse=True)
    around = context_classes(train, sets) if prompt == "context" else [[] for _ in sets]
    sentences = [
        sentence(
            template,
            [name for name, on in zip(names, row, strict=True) if on],
            [names[c] for c in others],
        )
        for row, others in zip(sets.tolist(), around, strict=True)
    ]
    return context.prompts(sentences)[member]
