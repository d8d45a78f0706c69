"""Prompts out of classes: who predicts them, how they become tokens, how they meet a text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.blocks import Block
from hashbench.nn.tokens import Tokens, padding_bias
from hashbench.nn.towers import Tower

FAINT = 0.1
"""A class that is less likely than this is left out of a prompt."""

_ITERATIONS = 60
_CLASS_BREADTH = 1.0  # deviations above a class's mean score from which zero-shot says yes
_SLOPE = 2.0


class ClassPredictor(nn.Module):
    """(n, d) features of one modality -> (n, C) class probabilities, from that modality alone.

    Either learned from the training labels (`fit`) or from the class names (`from_names`). Its
    weights are buffers: nothing that is trained later changes what it predicts.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", torch.zeros(classes, width))
        self.register_buffer("bias", torch.zeros(classes))

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, C)."""
        return torch.sigmoid(self._logits(features, self.weight, self.bias))

    @staticmethod
    def _logits(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        # unit length times sqrt(d), so that the ridge means the same for every backbone
        return F.linear(F.normalize(features, dim=1) * features.shape[1] ** 0.5, weight, bias)

    def fit(self, features: Tensor, labels: Tensor, known: Tensor, ridge: float) -> None:
        """Logistic regression of each class (labels and known are (n, C)) with a ridge penalty."""
        weight, bias = (torch.zeros_like(t).requires_grad_() for t in (self.weight, self.bias))
        counts = known.to(features.dtype)
        solver = torch.optim.LBFGS(
            [weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
        )

        def objective() -> Tensor:
            solver.zero_grad()
            logits = self._logits(features, weight, bias)
            loss = F.binary_cross_entropy_with_logits(logits, labels, counts, reduction="sum")
            loss = loss / len(features) + ridge * weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        with torch.enable_grad():
            solver.step(objective)  # type: ignore[no-untyped-call]
        self.weight.copy_(weight.detach())
        self.bias.copy_(bias.detach())

    def from_names(self, prompts: Tensor, features: Tensor) -> None:
        """Zero-shot: cosines with the prompts (C, d) of the class names, standardised a class.

        Means and deviations are those of unlabelled `features` (n, d); a class is said to be there
        from one deviation above its mean on.
        """
        names = F.normalize(prompts, dim=1)
        scores = F.normalize(features, dim=1) @ names.T
        mean, deviation = scores.mean(0), scores.std(0).clamp_min(1e-6)
        self.weight.copy_(_SLOPE * names / deviation[:, None] / features.shape[1] ** 0.5)
        self.bias.copy_(-_SLOPE * (mean / deviation + _CLASS_BREADTH))


@dataclass(frozen=True)
class Prompt:
    """`tokens` (n, m, w) and the weight of each (n, m), from 0 (not there) to 1."""

    tokens: Tensor
    weights: Tensor

    def __getitem__(self, rows: Tensor) -> Prompt:
        """The prompts of some items."""
        return Prompt(self.tokens[rows], self.weights[rows])

    def bias(self) -> Tensor:
        """(n, m) to add to attention logits: a token is attended to as much as it weighs."""
        return torch.log(self.weights)

    def mean(self, states: Tensor) -> Tensor:
        """(n, m, d) -> (n, d), weighted."""
        weights = self.weights / self.weights.sum(1, keepdim=True)
        return (states * weights[:, :, None]).sum(1)


class PromptLearner(nn.Module):
    """Learnable context tokens, followed by the tokens of the classes that weigh most.

    `start` (M, w) is what the context begins with, `classes` (C, w) a token for each class. With
    `sample_width` d the context is shifted by what a small network reads off the sample's feature
    (n, d), so that it depends on the sample as well as on its classes.
    """

    def __init__(
        self,
        start: Tensor,
        classes: Tensor,
        slots: int,
        *,
        trained: bool = True,
        sample_width: int = 0,
    ) -> None:
        super().__init__()
        self.context = nn.Parameter(start.clone(), requires_grad=trained)
        self.classes: Tensor
        self.register_buffer("classes", classes.clone())
        self.slots = min(slots, len(classes))
        self.sample: nn.Sequential | None = None
        if sample_width:
            last = nn.Linear(sample_width, start.shape[1])
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.sample = nn.Sequential(
                nn.Linear(sample_width, sample_width), nn.ReLU(), nn.LayerNorm(sample_width), last
            )

    def forward(self, weights: Tensor, sample: Tensor | None = None) -> Prompt:
        """Class weights (n, C), and the sample's feature (n, d), -> prompts."""
        n = len(weights)
        context = self.context.expand(n, -1, -1)
        if self.sample is not None and sample is not None:
            context = context + self.sample(sample)[:, None]
        heaviest, chosen = weights.topk(self.slots, dim=1)
        heaviest = torch.where(heaviest >= FAINT, heaviest, 0.0)
        used = int((heaviest > 0).sum(1).max()) if n else 0  # slots that nobody fills are left out
        return Prompt(
            torch.cat([context, self.classes[chosen[:, :used]]], dim=1),
            torch.cat([weights.new_ones(n, context.shape[1]), heaviest[:, :used]], dim=1),
        )


@dataclass(frozen=True)
class Prompted:
    """`text` (n, d) with the prompt in it, `prompt` (n, d) the prompt's own feature, `tokens`
    (n, m, d) those of its tokens; `share` (n) is the length of the prompt's part of the text's
    feature in units of the whole.
    """

    text: Tensor
    prompt: Tensor
    tokens: Tensor
    share: Tensor

    @staticmethod
    def gather(parts: list[Prompted], rows: list[Tensor]) -> Prompted:
        """Puts groups of items back into their order; short prompts get tokens of zeros."""
        back = torch.argsort(torch.cat(rows))
        most = max(part.tokens.shape[1] for part in parts)
        tokens = [F.pad(p.tokens, (0, 0, 0, most - p.tokens.shape[1])) for p in parts]
        return Prompted(
            torch.cat([part.text for part in parts])[back],
            torch.cat([part.prompt for part in parts])[back],
            torch.cat(tokens)[back],
            torch.cat([part.share for part in parts])[back],
        )


class AffinityPrompt(nn.Module):
    """Text affinity-aware prompting (PromptHash, TAAP): text and prompt tokens in one transformer.

    Z = norm(transformer([T; P])), and the text's feature is W (z_e * (1 + eta z_p)): the end
    token's state times the prompt's mean state, as in the release, on top of the state itself.
    With eta = 0 no prompt enters but through attention. The transformer starts as the identity, so
    that training begins at the tower's own features; the release starts it at random.
    """

    def __init__(self, tower: Tower, layers: int, eta: float) -> None:
        super().__init__()
        self.eta = eta
        self.blocks = nn.ModuleList(
            Block(tower.width, tower.heads, tower.activation).still() for _ in range(layers)
        )

    def forward(
        self, tower: Tower, texts: Tokens, hidden: Tensor, prompt: Prompt, there: Tensor
    ) -> Prompted:
        """`hidden` (n, L, w) are the texts' tokens behind the tower's last block; no prompt attends
        to a text that is not `there` (n).
        """
        length = hidden.shape[1]
        states = torch.cat([hidden, prompt.tokens], dim=1)
        heard = padding_bias(texts.lengths, length).masked_fill(~there[:, None], -torch.inf)
        bias = torch.cat([heard, prompt.bias()], dim=1)
        # of the text, nothing but its pooled token is read off the last block
        prompted = torch.arange(length, states.shape[1], device=states.device)
        at = [tower.pooled_at(texts)[:, None], prompted.expand(len(states), -1)]
        states = self._run(tower, states, bias, torch.cat(at, dim=1))
        own, states = states[:, 0], states[:, 1:]
        mean = prompt.mean(states)
        entered = tower.project(self.eta * own * mean)
        text = tower.project(own) + entered
        return Prompted(
            text,
            tower.project(mean),
            tower.project(states),
            entered.norm(dim=1) / text.norm(dim=1).clamp_min(1e-6),
        )

    def alone(self, tower: Tower, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """(n, d) feature of a prompt without a text, and (n, m, d) those of its tokens."""
        states = self._run(tower, prompt.tokens, prompt.bias())
        return tower.project(prompt.mean(states)), tower.project(states)

    def _run(self, tower: Tower, states: Tensor, bias: Tensor, at: Tensor | None = None) -> Tensor:
        """(n, L, w) -> (n, L, w), or what is `at` positions (n, q) of it alone."""
        bias = bias[:, None, None]
        for block in self.blocks[:-1]:
            states = block(states, bias)
        out: Tensor = tower.norm(self.blocks[-1](states, bias, at))
        return out
