"""Counting CLIP's tokens, to tell which captions would be cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hashbench.backbones.openclip_import import open_clip
from hashbench.datasets.base import IntArray


def count_tokens(texts: Sequence[str]) -> IntArray:
    """Number of BPE tokens of each text, start and end included, before anything is cut."""
    tokenizer = open_clip().SimpleTokenizer()
    return np.array([len(tokenizer.encode(text)) + 2 for text in texts], dtype=np.int64)
