"""Items in, codes out: the one way in which validation, test and audit encode."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from hashbench.datasets.base import IntArray
from hashbench.engine.data import Data
from hashbench.methods.base import Method, Role
from hashbench.metrics.codes import Codes
from hashbench.nn.tokens import Tokens

LOADED_AT_ONCE = 64
"""Items that are loaded together at least: as many pictures as go through the towers at once."""

Encoded = dict[str, dict[int, Tensor]]
"""modality (image and text, or mm) -> bit length -> relaxed codes (n, K)."""


@dataclass(frozen=True)
class Items:
    """All that is known of n items; the protocol decides what of it an encoder gets.

    `images` and `texts` are features (n, d), or tokens for methods that tune the towers; `numbers`
    (n) are the items' places in the dataset, `role` is query or database.
    """

    images: Tensor | Tokens
    texts: Tensor | Tokens
    labels: Tensor
    numbers: Tensor
    role: Role

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, index: Tensor | slice) -> Items:
        """Some of the items."""
        return Items(
            self.images[index],
            self.texts[index],
            self.labels[index],
            self.numbers[index],
            self.role,
        )


def items_of(data: Data, items: IntArray, role: Role) -> Items:
    """Features and full labels of items of a dataset, on the device."""
    labels = torch.from_numpy(data.dataset.labels[items]).to(data.device)
    numbers = torch.from_numpy(items).to(data.device)
    return Items(data.images(items), data.texts(items), labels, numbers, role)


@torch.inference_mode()
def encode_batch(method: Method, batch: Items) -> Encoded:
    """Relaxed codes of one batch.

    Each modality is encoded from itself alone, or both into one fused code, without labels; only
    under the published protocol does a method get everything.
    """
    if method.context.protocol == "published":
        return method.encode_published(batch.images, batch.texts, batch.labels)
    if method.context.directions == ("mm",):
        available = method.availability(batch.numbers, batch.role)
        return {"mm": method.encode_mm(batch.images, batch.texts, available)}
    return {
        "image": method.encode_image(batch.images),
        "text": method.encode_text(batch.texts),
    }


def encode_in_batches(method: Method, items: Items) -> Encoded:
    """Relaxed codes of items in memory, as many at once as the method says.

    Published encoders, whose codes may depend on their batch, get all items at once.
    """
    step = len(items) if method.context.protocol == "published" else method.encoding_batch
    starts = range(0, len(items), max(1, step))
    parts = [encode_batch(method, items.rows(slice(start, start + step))) for start in starts]
    return {
        modality: {bits: torch.cat([part[modality][bits] for part in parts]) for bits in codes}
        for modality, codes in parts[0].items()
    }


def encode(method: Method, data: Data, items: IntArray, role: Role) -> dict[str, dict[int, Codes]]:
    """modality -> bit length -> codes of items, encoded as many at once as the method says.

    Where pictures have to be read for it, which takes long, progress is reported; the report may
    raise StopAskedError.
    """
    step = method.encoding_batch
    # loaded in larger groups than a small encoding batch, since pictures may have to be read
    group = step * max(1, LOADED_AT_ONCE // step)
    groups = [items[start : start + group] for start in range(0, len(items), group)]
    streams = data.blocks is not None and data.blocks.streams(items)
    parts, done = [], 0
    for loaded, following in itertools.zip_longest(groups, groups[1:]):
        batch = items_of(data, loaded, role)
        if following is not None:
            data.prefetch(following)
        parts += [
            encode_batch(method, batch.rows(slice(start, start + step)))
            for start in range(0, len(loaded), step)
        ]
        done += len(loaded)
        if streams:
            data.report(f"codes of {role} items", done, len(items))
    return {
        modality: {
            bits: Codes.from_signs(
                torch.cat([part[modality][bits] >= 0 for part in parts]).cpu().numpy()
            )
            for bits in method.bits
        }
        for modality in parts[0]
    }
