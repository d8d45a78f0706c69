"""Stage 1 as a module: it learns prompts by contrast, searches labels, and tells what it found."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.errors import InputError
from hashbench.methods.base import Batch, MethodContext, Recovered, RecoveryPath, Term
from hashbench.methods.pcril.recovery import negatives
from hashbench.methods.pcril.recovery.negatives import NEGATIVES
from hashbench.methods.pcril.recovery.prompts import (
    ConventionalPrompts,
    LearnedPrompts,
    PhrasalPrompts,
    SetPrompts,
)
from hashbench.methods.pcril.recovery.search import Progress, Search, search, silent

EXAMPLES = 12  # items whose search is told step by step


class Recoverer(nn.Module):
    """Prompts of label sets, and the search that uses them.

    Phi_i(K) = e(P(K)) . h_i / tau, with unit features e and h_i = (v_i + t_i) / 2 of unit image and
    text features v_i and t_i, so that Phi is the mean of the image and the text score.
    """

    def __init__(self, context: MethodContext) -> None:
        super().__init__()
        self._context = context
        self._tower = context.text_tower()
        self.prompts = self._make_prompts()
        shape = context.train.labels.shape
        self.violated: Tensor  # (3,) hinges above zero since the epoch began
        self.compared: Tensor  # (3,) all hinges since then
        self.register_buffer("violated", torch.zeros(len(NEGATIVES)))
        self.register_buffer("compared", torch.zeros(len(NEGATIVES)))
        # what the search found, see `Search`
        self.found_added: Tensor
        self.found_step: Tensor
        self.found_score: Tensor
        self.found_start: Tensor
        self.found_refused: Tensor
        self.found_refused_score: Tensor
        self.register_buffer("found_added", torch.zeros(shape, dtype=torch.bool))
        self.register_buffer("found_step", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("found_score", torch.zeros(shape))
        self.register_buffer("found_start", torch.zeros(shape[0]))
        self.register_buffer("found_refused", torch.zeros(shape[0], dtype=torch.long))
        self.register_buffer("found_refused_score", torch.zeros(shape[0]))

    def _make_prompts(self) -> SetPrompts:
        context = self._context
        if context.text("prompt") == "phrasal":
            return PhrasalPrompts(self._tower, context.class_names)
        kind = LearnedPrompts if context.text("prompt") == "learned" else ConventionalPrompts
        return kind(
            self._tower,
            context.class_names,
            context.whole("agnostic"),
            context.whole("specific"),
            context.real("token_std"),
        )

    @property
    def learns(self) -> bool:
        """Whether there is anything to learn before the search."""
        return isinstance(self.prompts, LearnedPrompts)

    def check(self) -> None:
        """Raises InputError where no item has a known positive to make an anchor from."""
        if not bool(self._context.train.labels.any()):
            raise InputError(
                "no training item has a known positive label, so there is nothing to learn "
                "prompts from",
                where="--known-ratio",
                remedy="a larger known ratio, or --ablate no-PCR",
            )

    def losses(self, batch: Batch) -> dict[str, Term]:
        """The mean hinge of each kind of negative; every distinct set is embedded once."""
        context, prompts = self._context, self.prompts
        positive = batch.labels > 0
        sorted_anchors = context.text("anchors") == "sorted"
        drawn = negatives.draw(
            positive,
            batch.known & ~positive,
            prompts.cost,
            prompts.room,
            deletes_last=sorted_anchors,
        )
        # one random order of the classes a step: each prompt's order is uniform, sets still repeat
        classes = positive.shape[1]
        order = None if sorted_anchors else torch.randperm(classes, device=positive.device)
        sets = torch.cat([drawn.anchor[None], drawn.negatives])
        distinct, member = torch.unique(sets.flatten(0, 1), dim=0, return_inverse=True)
        features = prompts.embed(distinct, order)[member].reshape(*sets.shape[:2], -1)
        together = context.text("hinge") == "mean"
        against = self._against(batch.images, batch.texts, "both" if together else "each")
        scores = torch.einsum("kbd,mbd->kmb", features, against)
        hinges = negatives.hinges(scores[0], scores[1:], context.real("margin"))
        there = drawn.there[:, None].expand_as(hinges)
        self.violated += ((hinges > 0) & there).sum((1, 2))
        self.compared += there.sum((1, 2))
        means = (hinges * there).sum((1, 2)) / drawn.there.sum(1).clamp_min(1)
        return {name: Term(mean) for name, mean in zip(NEGATIVES, means, strict=True)}

    def _against(self, images: Tensor, texts: Tensor, score: str) -> Tensor:
        """(m, b, d) what sets are scored against, by dot product: logits. m is 2 for `each`."""
        v, t = F.normalize(images, dim=1), F.normalize(texts, dim=1)
        sides = {"both": [(v + t) / 2], "image": [v], "text": [t], "each": [v, t]}[score]
        return self._tower.scale * torch.stack(sides)

    def search(self, items: Tensor, report: Progress = silent) -> Search:
        """Potential label tree search for rows of the training set."""
        context, train, prompts = self._context, self._context.train, self.prompts
        against = self._against(train.images[items], train.texts[items], context.text("score"))
        return search(
            prompts.embed,
            against[0],
            train.labels[items] > 0,
            ~train.known[items],
            prompts.cost,
            prompts.room,
            context.real("margin") / 2,
            recursive=context.text("search") == "tree",
            report=report,
        )

    def take(self, found: Search) -> Tensor:
        """Remembers a search of all items; returns labels (n, C) with what it recovered.

        With pseudo labels, a class that was tried at the last step and refused keeps
        clip(1/2 + gain / m, 0, 1).
        """
        for name in ("added", "step", "score", "start", "refused", "refused_score"):
            getattr(self, f"found_{name}").copy_(getattr(found, name))
        labels = self._context.train.labels.masked_fill(found.added, 1.0)
        if not self._context.flag("pseudo_labels"):
            return labels
        margin = max(self._context.real("margin"), 1e-9)
        soft = (0.5 + found.gain / margin).clamp(0.0, 1.0)
        return torch.where(found.gain.isfinite(), soft, labels)

    def watch(self, items: Tensor) -> Recovered:
        """A search of some items with the prompts as they are now, and the state of learning."""
        found = self.search(items)
        rates = (self.violated / self.compared.clamp_min(1)).tolist()
        seen = self.compared.tolist()
        values = {
            f"violated {name}": rate
            for name, rate, count in zip(NEGATIVES, rates, seen, strict=True)
            if count
        }
        if isinstance(self.prompts, LearnedPrompts):
            values["prompt drift"] = self.prompts.drift
        return Recovered(items, found.added, values)

    def forget_violations(self) -> None:
        """A new epoch begins."""
        self.violated.zero_()
        self.compared.zero_()

    def recovered(self) -> Recovered:
        """What the search of all items found, with worked examples."""
        n = len(self.found_added)
        items = torch.arange(n, device=self.found_added.device)
        values = {"mean start score": float(self.found_start.mean())}
        if isinstance(self.prompts, LearnedPrompts):
            values["prompt drift"] = self.prompts.drift
        return Recovered(items, self.found_added, values, self._paths())

    def _paths(self) -> list[RecoveryPath]:
        """Of the first items whose known set is not empty and to which something was added, and as
        many others as are missing."""
        told = self.found_added.any(1) & (self._context.train.labels > 0).any(1)
        chosen = (~told).int().sort(stable=True).indices[:EXAMPLES].sort().values
        paths = []
        for item in chosen.tolist():
            steps, score = self.found_step[item], self.found_score[item]
            order = steps.nonzero()[:, 0]
            order = order[steps[order].sort(stable=True).indices]
            refused = int(self.found_refused[item])
            stop = (refused, float(self.found_refused_score[item])) if refused >= 0 else None
            joined = tuple((int(c), float(score[c])) for c in order)
            paths.append(RecoveryPath(item, float(self.found_start[item]), joined, stop))
        return paths
