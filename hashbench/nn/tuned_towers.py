"""Both towers of a backbone with their last blocks at hand: features, and tokens where needed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hashbench.nn.tokens import Tokens
from hashbench.nn.towers import Tower, Towers


@dataclass(frozen=True)
class Described:
    """Items of one modality: `pooled` (n, d) features, those of their tokens (n, L, d), and which
    of these are `content` (n, L): neither padding nor the token that is pooled.
    """

    pooled: Tensor
    tokens: Tensor
    content: Tensor


class TunedTowers(nn.Module):
    """The last blocks of both towers, to be tuned or left as they are, and what follows them."""

    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.image_tower, self.text_tower = towers.image, towers.text

    def tuned(self) -> list[nn.Parameter]:
        """The parameters of the towers' blocks."""
        both = (self.image_tower, self.text_tower)
        return [p for tower in both for p in tower.parameters() if p.requires_grad]

    def image(self, images: Tokens) -> Tensor:
        """(n, d) features."""
        out: Tensor = self.image_tower(images)
        return out

    def captions(self, texts: Tokens) -> Tensor:
        """(n, d) features; short and long texts run apart."""
        rows = texts.by_length()
        features = torch.cat([self.text_tower(texts[r].cut()) for r in rows])
        return features[torch.argsort(torch.cat(rows))]

    def image_and_patches(self, images: Tokens) -> tuple[Tensor, Tensor]:
        """(n, d) features, and (n, P, d) those of the patches."""
        hidden = self.image_tower.hidden(images)
        pooled = self.image_tower.pool(hidden, images)
        return self.image_tower.finish(pooled), self.image_tower.finish(hidden[:, 1:])

    def described_images(self, images: Tokens) -> Described:
        """Features of images and of their patches."""
        return _described(self.image_tower, images)

    def described_texts(self, texts: Tokens) -> Described:
        """Features of texts and of their words, the start token among them."""
        return _described(self.text_tower, texts.cut())


def _described(tower: Tower, items: Tokens) -> Described:
    hidden = tower.hidden(items)
    place = torch.arange(hidden.shape[1], device=hidden.device)[None, :]
    content = (place < items.lengths[:, None]) & (place != tower.pooled_at(items)[:, None])
    return Described(tower.finish(tower.pool(hidden, items)), tower.finish(hidden), content)
