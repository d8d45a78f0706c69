"""Both tuned towers with the prompts that go with them: what an item's features come from."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.nn.affinity import AffinityPrompt, Prompted, PromptState
from hashbench.nn.prompts import Prompt, PromptLearner
from hashbench.nn.tokens import Tokens
from hashbench.nn.towers import Towers
from hashbench.nn.tuned_towers import TunedTowers

PROMPT_LAYERS = 2


class PromptedTowers(TunedTowers):
    """Tuned towers, a prompt learner, and affinity prompting with weight `eta`.

    Without `affinity` the text's feature is the tower's own, and prompts are read by themselves.
    """

    def __init__(
        self,
        towers: Towers,
        learner: PromptLearner,
        *,
        eta: float,
        eta_trained: bool,
        state: PromptState,
        affinity: bool = True,
    ) -> None:
        super().__init__(towers)
        self.learner = learner
        self.affinity = AffinityPrompt(
            towers.text, PROMPT_LAYERS, eta, eta_trained=eta_trained, state=state
        )
        self._joined = affinity

    def prompt(self, weights: Tensor) -> Tensor:
        """(n, d) features of the prompts of class weights (n, C), without any text."""
        return self.affinity.alone(self.text_tower, self.learner(weights))[0]

    def text(
        self,
        texts: Tokens,
        weights: Tensor,
        sample: Tensor | None = None,
        available: Tensor | None = None,
    ) -> Prompted:
        """Texts and the prompts of their class weights (n, C), read together.

        `sample` (n, d) makes the context depend on the item; of an item whose text is not
        `available` (n), the prompt alone is read. Short and long texts run apart.
        """
        if available is None:
            available = torch.ones_like(texts.lengths, dtype=torch.bool)
        # not even the length of a missing text may matter
        ends = torch.where(available, self.text_tower.pooled_at(texts), -1)
        at_caption_end = self._joined and self.affinity.state == "caption-end"
        prompt = self.learner(weights, sample, ends if at_caption_end else None)
        rows = texts.by_length()
        return Prompted.gather(
            [self._text(texts[r].cut(), prompt[r], available[r]) for r in rows], rows
        )

    def _text(self, texts: Tokens, prompt: Prompt, available: Tensor) -> Prompted:
        hidden = self.text_tower.hidden(texts)
        if self._joined:
            out: Prompted = self.affinity(self.text_tower, texts, hidden, prompt, available)
            return out
        feature, tokens = self.affinity.alone(self.text_tower, prompt)
        text = self.text_tower.finish(self.text_tower.pool(hidden, texts))
        return Prompted(text, feature, tokens, prompt.weights, text.new_zeros(len(text)))
