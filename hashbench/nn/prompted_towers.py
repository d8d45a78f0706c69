"""Both tuned towers with the prompts that go with them: what an item's features come from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hashbench.nn.prompts import AffinityPrompt, ClassPredictor, Prompt, Prompted, PromptLearner
from hashbench.nn.tokens import Tokens
from hashbench.nn.towers import Towers

PROMPT_LAYERS = 2


class PromptedTowers(nn.Module):
    """Tuned towers, one class predictor a modality, a prompt learner, and affinity prompting.

    `template` (M, w) are the word rows that the prompt's context starts from, `classes` those of
    each class name; at most `slots` classes enter a prompt, with weight `eta`. With `by_sample` the
    context depends on the item. Without `affinity` the text's feature is the tower's own, and
    prompts are read by themselves.
    """

    def __init__(
        self,
        towers: Towers,
        template: Tensor,
        classes: Sequence[Tensor],
        *,
        slots: int,
        eta: float,
        context_trained: bool,
        by_sample: bool = False,
        affinity: bool = True,
    ) -> None:
        super().__init__()
        self.image_tower, self.text_tower = towers.image, towers.text
        self.image_classes = ClassPredictor(towers.image.out, len(classes))
        self.text_classes = ClassPredictor(towers.text.out, len(classes))
        self.learner = PromptLearner(
            template,
            torch.stack([rows.mean(0) for rows in classes]),
            slots,
            trained=context_trained,
            sample_width=towers.text.out if by_sample else 0,
        )
        self.affinity = AffinityPrompt(towers.text, PROMPT_LAYERS, eta)
        self._joined = affinity

    def learn_classes(
        self, images: Tensor, texts: Tensor, labels: Tensor, known: Tensor, ridge: float
    ) -> None:
        """Trains both predictors on features (n, d) of the frozen towers and labels (n, C)."""
        self.image_classes.fit(images, labels, known, ridge)
        self.text_classes.fit(texts, labels, known, ridge)

    def name_classes(self, prompts: Tensor, images: Tensor, texts: Tensor) -> None:
        """Makes both predictors of the prompts (C, d) of the class names, without labels."""
        self.image_classes.from_names(prompts, images)
        self.text_classes.from_names(prompts, texts)

    def tuned(self) -> list[nn.Parameter]:
        """The parameters of the towers' blocks."""
        both = (self.image_tower, self.text_tower)
        return [p for tower in both for p in tower.parameters() if p.requires_grad]

    def image(self, images: Tokens) -> Tensor:
        """(n, d) features."""
        out: Tensor = self.image_tower(images)
        return out

    def image_and_patches(self, images: Tokens) -> tuple[Tensor, Tensor]:
        """(n, d) features, and (n, P, d) those of the patches."""
        hidden = self.image_tower.hidden(images)
        pooled = self.image_tower.pool(hidden, images)
        return self.image_tower.finish(pooled), self.image_tower.finish(hidden[:, 1:])

    def prompt(self, weights: Tensor) -> Tensor:
        """(n, d) features of the prompts of class weights (n, C), without any text."""
        return self.affinity.alone(self.text_tower, self.learner(weights))[0]

    def text(
        self,
        texts: Tokens,
        weights: Tensor,
        sample: Tensor | None = None,
        there: Tensor | None = None,
    ) -> Prompted:
        """Texts and the prompts of their class weights (n, C), read together.

        `sample` (n, d) makes the context depend on the item; a text that is not `there` (n) is not
        read, its prompt alone is. Short and long texts run apart.
        """
        prompt = self.learner(weights, sample)
        here = torch.ones_like(texts.lengths, dtype=torch.bool) if there is None else there
        rows = texts.by_length()
        return Prompted.gather([self._text(texts[r].cut(), prompt[r], here[r]) for r in rows], rows)

    def _text(self, texts: Tokens, prompt: Prompt, there: Tensor) -> Prompted:
        hidden = self.text_tower.hidden(texts)
        if self._joined:
            out: Prompted = self.affinity(self.text_tower, texts, hidden, prompt, there)
            return out
        feature, tokens = self.affinity.alone(self.text_tower, prompt)
        text = self.text_tower.finish(self.text_tower.pool(hidden, texts))
        return Prompted(text, feature, tokens, text.new_zeros(len(text)))
