"""How much disk the feature cache of a run takes, known before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

from hashbench.backbones.pretrained_config import TowerShape

KEEP_ALL_BYTES = 1 << 30
"""Block inputs of a whole dataset are kept up to this size: computing them anew for each scoring
is then not worth it."""

FLOAT_BYTES = {"fp32": 4, "fp16": 2}


@dataclass(frozen=True)
class CacheEstimate:
    """Bytes of the entries that a run needs: `features` of all items, block inputs of some.

    `read_again` is how many pictures are read each time that codes are made, since their block
    inputs are not kept.
    """

    features: int
    blocks: int
    read_again: int

    @property
    def total(self) -> int:
        return self.features + self.blocks


def estimate(
    shape: TowerShape,
    precision: str,
    *,
    items: int,
    captions: int,
    train_items: int,
    train_captions: int,
    tunes_blocks: bool,
    caption_tokens: float | None = None,
) -> CacheEstimate:
    """What a run's features take, `train_items` and `train_captions` being those of its training
    items, validation queries among them.

    `caption_tokens` is the mean length of a caption, start and end included; without it each is
    taken to fill the context, so that the estimate is an upper bound.
    """
    features = (items + captions) * shape.dim * FLOAT_BYTES[precision]
    if not tunes_blocks:
        return CacheEstimate(features, 0, 0)
    whole = keeps_all_blocks(shape, items, captions)
    kept, kept_captions = (items, captions) if whole else (train_items, train_captions)
    blocks = block_bytes(shape, kept, kept_captions, caption_tokens)
    return CacheEstimate(features, blocks, 0 if whole else items - train_items)


def block_bytes(
    shape: TowerShape, items: int, captions: int, caption_tokens: float | None = None
) -> int:
    """Bytes of the block inputs of so many items and captions, in half precision."""
    each = shape.context if caption_tokens is None else caption_tokens
    images = items * shape.image_tokens * shape.image_width
    return 2 * (images + round(captions * each) * shape.text_width)


def keeps_all_blocks(shape: TowerShape, items: int, captions: int) -> bool:
    """Whether the block inputs of a whole dataset are few enough to be kept."""
    return block_bytes(shape, items, captions) <= KEEP_ALL_BYTES
