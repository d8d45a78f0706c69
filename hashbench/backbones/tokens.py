"""How long texts are in CLIP's tokens, before anything is cut."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hashbench.backbones.openclip_import import open_clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def count_tokens(texts: Sequence[str]) -> NDArray[np.int64]:
    """Number of byte-pair tokens of each text, with the start and the end token: shape (n,)."""
    tokenizer = _tokenizer()
    return np.array([len(tokenizer.encode(text)) + 2 for text in texts], dtype=np.int64)


@cache
def _tokenizer() -> Any:
    return open_clip().tokenizer.SimpleTokenizer()
