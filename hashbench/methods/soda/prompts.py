"""Label prompts: a set of class names as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.methods.base import MethodContext


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(template: str, names: Sequence[str]) -> str:
    """The label prompt of a set of classes; an item without a label gets the empty prompt."""
    if template == "names":
        return listed(names)
    if not names:
        return "An image."
    if template == "descriptive":
        return f"This is a photograph in which {listed(names)} can be seen."
    return f"An image of {listed(names)}."


def label_inputs(context: MethodContext, template: str) -> Tensor:
    """(n, d) what the label head reads of each training item: its label prompt's feature.

    Each distinct set of labels is encoded once. With `one-hot` it is the label vector itself
    (n, C), with `averaged` the mean of one unit-length prompt feature a class.
    """
    labels = context.train.labels
    if template == "one-hot":
        return labels
    if template == "averaged":
        each = context.prompts([sentence("paper", [name]) for name in context.class_names])
        empty = context.prompts([sentence("paper", [])])
        counts = labels.sum(1, keepdim=True)
        mean = labels @ F.normalize(each, dim=1) / counts.clamp_min(1.0)
        return torch.where(counts > 0, mean, F.normalize(empty, dim=1))
    sets, member = torch.unique(labels > 0, dim=0, return_inverse=True)
    sentences = [
        sentence(template, [name for name, on in zip(context.class_names, row, strict=True) if on])
        for row in sets.tolist()
    ]
    return context.prompts(sentences)[member]
