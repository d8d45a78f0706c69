"""Items in, codes out: the one way in which validation, test and audit encode."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hashbench.datasets.base import IntArray
from hashbench.engine.data import Data
from hashbench.methods.base import Method
from hashbench.metrics.codes import Codes

CHUNK = 8192

Encoded = dict[str, dict[int, Tensor]]
"""modality (image, text) -> bit length -> relaxed codes (n, K)."""


@dataclass(frozen=True)
class Items:
    """All that is known of n items. What an encoder gets of it, the protocol decides."""

    images: Tensor
    texts: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, index: Tensor | slice) -> Items:
        """Some of the items."""
        return Items(self.images[index], self.texts[index], self.labels[index])


def items_of(data: Data, items: IntArray) -> Items:
    """Features and full labels of items of a dataset, on the device."""
    labels = torch.from_numpy(data.dataset.labels[items]).to(data.device)
    return Items(data.images(items), data.texts(items), labels)


@torch.inference_mode()
def encode_batch(method: Method, batch: Items) -> Encoded:
    """Relaxed codes of one batch; each modality is encoded from itself alone."""
    return {
        "image": method.encode_image(batch.images),
        "text": method.encode_text(batch.texts),
    }


def encode(method: Method, data: Data, items: IntArray) -> dict[str, dict[int, Codes]]:
    """modality -> bit length -> codes of items, encoded in chunks of 8,192."""
    parts = [
        encode_batch(method, items_of(data, items[start : start + CHUNK]))
        for start in range(0, len(items), CHUNK)
    ]
    return {
        modality: {
            bits: Codes.from_signs(
                torch.cat([part[modality][bits] >= 0 for part in parts]).cpu().numpy()
            )
            for bits in method.bits
        }
        for modality in parts[0]
    }
