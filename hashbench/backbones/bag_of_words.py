"""A bag of words as the text tower: which of the vocabulary's words a text holds.

The vocabulary is that of the fitted items' captions, so that features depend on the split through
it. Its words decide the key of cached features: splits with one vocabulary share an entry.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from hashbench.errors import InputError

MAX_WORDS = 4096
"""A feature's width at most: the most frequent words are kept."""

PAD = 0
_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, each once, in order."""
    return list(dict.fromkeys(_WORD.findall(text.lower())))


def vocabulary(captions: Iterable[str], min_captions: int) -> tuple[str, ...]:
    """The words that stand in at least so many captions, in alphabetical order.

    Raises InputError where there is none.
    """
    counts = Counter(word for caption in captions for word in words_of(caption))
    frequent = sorted(word for word, count in counts.items() if count >= min_captions)
    if not frequent:
        raise InputError(
            f"no word stands in {min_captions} training captions",
            where="--backbone",
            remedy="a smaller count, such as lite0+bow2, or lite0+minilm",
        )
    kept = sorted(frequent, key=lambda word: counts[word], reverse=True)[:MAX_WORDS]
    return tuple(sorted(kept))


class BagOfWords:
    """(n, V) of zeros and ones; words that are not in the vocabulary have no influence."""

    def __init__(self, words: Sequence[str], device: torch.device) -> None:
        self._ids = {word: number for number, word in enumerate(words, start=1)}
        self._device = device

    def tokenise(self, sentences: Sequence[str]) -> Tensor:
        """(n, L) numbers of words from 1 on, `PAD` behind the shorter texts."""
        rows = [[self._ids[w] for w in words_of(text) if w in self._ids] for text in sentences]
        tokens = torch.full((len(rows), max(map(len, rows), default=0)), PAD)
        for number, row in enumerate(rows):
            tokens[number, : len(row)] = torch.tensor(row, dtype=torch.long)
        return tokens

    def __call__(self, tokens: Tensor) -> Tensor:
        """(n, L) numbers of words -> (n, V)."""
        features = torch.zeros(len(tokens), len(self._ids) + 1, device=self._device)
        return features.scatter_(1, tokens.to(self._device), 1.0)[:, 1:]
