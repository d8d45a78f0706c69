"""The fingerprint of a dataset: equal for equal content, whatever the folder it lies in."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from hashbench.datasets.base import BoolArray


def content_fingerprint(
    name: str,
    ids: Sequence[str],
    labels: BoolArray,
    captions: Sequence[tuple[str, ...]],
    class_names: Sequence[str],
    extra: Iterable[object] = (),
) -> str:
    """16 hex digits over ids, labels, captions, class names and `extra`.

    `extra` stands for the pictures: their file sizes, in the order of the items.
    """
    digest = hashlib.sha256(f"{name}\n{labels.shape}\n".encode())
    digest.update(np.packbits(labels).tobytes())
    texts = itertools.chain(class_names, ids, ("\x1d".join(texts) for texts in captions))
    for block in _blocks(itertools.chain(texts, map(str, extra))):
        digest.update(block.encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


def _blocks(texts: Iterable[str]) -> Iterable[str]:
    iterator = iter(texts)
    while block := list(itertools.islice(iterator, 10_000)):
        yield "\x1e".join(block) + "\x1e"
