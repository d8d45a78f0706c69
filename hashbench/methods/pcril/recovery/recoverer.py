"""Stage 1 as a module: learns prompts by contrast, searches labels, and reports what it added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.errors import InputError
from hashbench.methods.base import Batch, Recovered, RecoveryPath, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.pcril.recovery import negatives
from hashbench.methods.pcril.recovery.negatives import NEGATIVES
from hashbench.methods.pcril.recovery.prompts import (
    ConventionalPrompts,
    LearnedPrompts,
    PhrasalPrompts,
    SetPrompts,
)
from hashbench.methods.pcril.recovery.search import Progress, Search, search, silent

EXAMPLES = 12  # items whose search is reported step by step
RUNNERS_UP = 3  # classes that a step passed over, in such a report


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
        # the search of all items, see `Search`; kept so that a resumed run can report it
        self.search_added: Tensor
        self.search_step: Tensor
        self.search_score: Tensor
        self.search_start: Tensor
        self.search_refused: Tensor
        self.search_refused_score: Tensor
        self.register_buffer("search_added", torch.zeros(shape, dtype=torch.bool))
        self.register_buffer("search_step", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("search_score", torch.zeros(shape))
        self.register_buffer("search_start", torch.zeros(shape[0]))
        self.register_buffer("search_refused", torch.zeros(shape[0], dtype=torch.long))
        self.register_buffer("search_refused_score", torch.zeros(shape[0]))

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
        contrast = negatives.draw(
            positive,
            batch.known & ~positive,
            prompts.cost,
            prompts.room,
            deletes_last=sorted_anchors,
        )
        # one random order of the classes a step: each prompt's order is uniform, sets still repeat
        classes = positive.shape[1]
        order = None if sorted_anchors else torch.randperm(classes, device=positive.device)
        sets = torch.cat([contrast.anchor[None], contrast.negatives])
        distinct, member = torch.unique(sets.flatten(0, 1), dim=0, return_inverse=True)
        features = prompts.embed(distinct, order)[member].reshape(*sets.shape[:2], -1)
        together = context.text("hinge") == "mean"
        against = self._against(batch.images, batch.texts, "both" if together else "each")
        scores = torch.einsum("kbd,mbd->kmb", features, against)
        hinges = negatives.hinges(scores[0], scores[1:], context.real("margin"))
        exists = contrast.exists[:, None].expand_as(hinges)
        self.violated += ((hinges > 0) & exists).sum((1, 2))
        self.compared += exists.sum((1, 2))
        # with a hinge a modality, the two are summed and the items averaged, as in the release
        means = (hinges * exists).sum((1, 2)) / contrast.exists.sum(1).clamp_min(1)
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

    def take(self, search: Search) -> tuple[Tensor, Tensor]:
        """Remembers a search of all items; returns what it makes of the labels.

        Labels (n, C) with the recovered classes and, where asked for, pseudo labels: a class that
        was tried at the last step and refused gets clip(1/2 + gain / m, 0, 1). And (n, C) bool, the
        classes that are negative thereby (Algorithm 1, step 7), those whose pseudo label is 0.
        """
        for name in ("added", "step", "score", "start", "refused", "refused_score"):
            getattr(self, f"search_{name}").copy_(getattr(search, name))
        context = self._context
        labels = context.train.labels.masked_fill(search.added, 1.0)
        refused = search.gain.isfinite()
        if not context.flag("pseudo_labels"):
            return labels, torch.zeros_like(refused)
        margin = max(context.real("margin"), 1e-9)
        pseudo = (0.5 + search.gain / margin).clamp(0.0, 1.0)
        labels = torch.where(refused, pseudo, labels)
        return labels, refused & (labels == 0) & context.flag("pseudo_negatives")

    def watch(self, items: Tensor) -> Recovered:
        """A search of some items with the prompts as they are now, and the state of learning."""
        search = self.search(items)
        rates = (self.violated / self.compared.clamp_min(1)).tolist()
        counts = self.compared.tolist()
        values = {
            f"violated {name}": rate
            for name, rate, count in zip(NEGATIVES, rates, counts, strict=True)
            if count
        }
        if isinstance(self.prompts, LearnedPrompts):
            values["prompt drift"] = self.prompts.drift
        return Recovered(items, search.added, values)

    def forget_violations(self) -> None:
        """A new epoch begins."""
        self.violated.zero_()
        self.compared.zero_()

    def recovered(self, shares: Mapping[str, float]) -> Recovered:
        """What the search of all items added, with worked examples and `shares` of pairs."""
        n = len(self.search_added)
        items = torch.arange(n, device=self.search_added.device)
        values = {"mean start score": float(self.search_start.mean()), **shares}
        if isinstance(self.prompts, LearnedPrompts):
            values["prompt drift"] = self.prompts.drift
        return Recovered(items, self.search_added, values, self._paths())

    def _paths(self) -> list[RecoveryPath]:
        """Of the first items whose known set is not empty and to which something was added, and as
        many others as are missing."""
        instructive = self.search_added.any(1) & (self._context.train.labels > 0).any(1)
        chosen = (~instructive).int().sort(stable=True).indices[:EXAMPLES].sort().values
        paths = []
        for item in chosen.tolist():
            steps, score = self.search_step[item], self.search_score[item]
            order = steps.nonzero()[:, 0]
            order = order[steps[order].sort(stable=True).indices]
            refused = int(self.search_refused[item])
            stop = (refused, float(self.search_refused_score[item])) if refused >= 0 else None
            joined = tuple((int(c), float(score[c])) for c in order)
            start = float(self.search_start[item])
            paths.append(RecoveryPath(item, start, joined, stop, self._runners_up(item, joined)))
        return paths

    @torch.no_grad()
    def _runners_up(
        self, item: int, joined: Sequence[tuple[int, float]]
    ) -> tuple[tuple[tuple[int, float], ...], ...]:
        """For each step of the tree search, the best of the classes that it passed over."""
        context, train, prompts = self._context, self._context.train, self.prompts
        if context.text("search") != "tree":
            return ()
        row = [item]
        against = self._against(train.images[row], train.texts[row], context.text("score"))[0, 0]
        current = train.labels[item] > 0
        left = ~train.known[item] & ~current
        steps = []
        for winner, _ in joined:
            left[winner] = False
            fits = (current * prompts.cost).sum() + prompts.cost <= prompts.room
            others = (left & fits).nonzero()[:, 0]
            sets = current.repeat(len(others), 1)
            sets[torch.arange(len(others), device=others.device), others] = True
            scores = prompts.embed(sets) @ against if len(others) else against[:0]
            best = scores.topk(min(RUNNERS_UP, len(others))).indices
            steps.append(tuple((int(others[place]), float(scores[place])) for place in best))
            current[winner] = True
        return tuple(steps)
