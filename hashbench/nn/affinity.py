"""Text affinity-aware prompting (PromptHash, TAAP): text and prompt tokens in one transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from hashbench.nn.blocks import Block
from hashbench.nn.prompts import Prompt
from hashbench.nn.tokens import Tokens, padding_bias
from hashbench.nn.towers import Tower

PromptState = Literal["caption-end", "mean"]


@dataclass(frozen=True)
class Prompted:
    """`text` (n, d) with the prompt in it, `prompt` (n, d) the prompt's own feature, `tokens`
    (n, m, d) those of its tokens and what each weighs, `weights` (n, m); `share` (n) is the length
    of the prompt's part of the text's feature in units of the whole.
    """

    text: Tensor
    prompt: Tensor
    tokens: Tensor
    weights: Tensor
    share: Tensor

    @staticmethod
    def gather(parts: list[Prompted], rows: list[Tensor]) -> Prompted:
        """Puts groups of items back into their order."""
        back = torch.argsort(torch.cat(rows))
        return Prompted(
            torch.cat([part.text for part in parts])[back],
            torch.cat([part.prompt for part in parts])[back],
            torch.cat([part.tokens for part in parts])[back],
            torch.cat([part.weights for part in parts])[back],
            torch.cat([part.share for part in parts])[back],
        )


class AffinityPrompt(nn.Module):
    """Z = norm(transformer([T; P])); the text's feature is W (z_e * (1 + eta z_p)).

    z_e is the state of the caption's end token. z_p is the prompt's state at the same position of
    the prompt (`caption-end`, as in the release), or the mean over the prompt's tokens. The release
    has z_e * z_p alone; here it comes on top of z_e, so that with eta = 0 no prompt enters but
    through attention. The transformer starts as the identity, so that training begins at the
    tower's own features; the release starts it at random. eta is learned, as the paper's summary
    says, unless `eta_trained` is false.
    """

    def __init__(
        self, tower: Tower, layers: int, eta: float, *, eta_trained: bool, state: PromptState
    ) -> None:
        super().__init__()
        self.eta = nn.Parameter(torch.tensor(eta), requires_grad=eta_trained)
        self.state = state
        self.blocks = nn.ModuleList(
            Block(tower.width, tower.heads, tower.activation).as_identity() for _ in range(layers)
        )

    def forward(
        self, tower: Tower, texts: Tokens, hidden: Tensor, prompt: Prompt, available: Tensor
    ) -> Prompted:
        """`hidden` (n, L, w) are the texts' tokens behind the tower's last block; no prompt attends
        to a text that is not `available` (n).
        """
        length = hidden.shape[1]
        states = torch.cat([hidden, prompt.tokens], dim=1)
        text_bias = padding_bias(texts.lengths, length).masked_fill(~available[:, None], -torch.inf)
        bias = torch.cat([text_bias, prompt.bias()], dim=1)
        # of the text, only its end token is needed from the last block
        prompted = torch.arange(length, states.shape[1], device=states.device)
        at = [tower.pooled_at(texts)[:, None], prompted.expand(len(states), -1)]
        states = self._run(tower, states, bias, torch.cat(at, dim=1))
        own, states = states[:, 0], states[:, 1:]
        pooled = self._pooled(prompt, states)
        added = tower.project(self.eta * own * pooled)
        text = tower.project(own) + added
        return Prompted(
            text,
            tower.project(pooled),
            tower.project(states),
            prompt.weights,
            added.norm(dim=1) / text.norm(dim=1).clamp_min(1e-6),
        )

    def alone(self, tower: Tower, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """(n, d) feature of a prompt without a text, and (n, m, d) those of its tokens."""
        states = self._run(tower, prompt.tokens, prompt.bias())
        return tower.project(self._pooled(prompt, states)), tower.project(states)

    def _pooled(self, prompt: Prompt, states: Tensor) -> Tensor:
        return prompt.mean(states) if self.state == "mean" else prompt.pooled(states)

    def _run(self, tower: Tower, states: Tensor, bias: Tensor, at: Tensor | None = None) -> Tensor:
        """(n, L, w) -> (n, L, w), or only the positions `at` (n, q) of it."""
        bias = bias[:, None, None]
        for block in self.blocks[:-1]:
            states = block(states, bias)
        out: Tensor = tower.norm(self.blocks[-1](states, bias, at))
        return out
