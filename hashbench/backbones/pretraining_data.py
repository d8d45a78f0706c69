"""What `picturebook-clip` is pre-trained on: scenes drawn in advance, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hashbench.backbones.openclip_import import open_clip
from hashbench.datasets.picturebook import scenes
from hashbench.datasets.picturebook.composition import CLASS_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTEXT = 77
CAPTION_SHARE = 0.67  # the rest are prompts of the whole label set
TEMPLATES = (
    "a photo of {}",
    "a photo of {}.",
    "a photo of a {}.",
    "an image of {}.",
    "an image of {}",
    "an image of a {}.",
    "this is an image containing {}.",
    "a picture of {}.",
    "a scene that shows {}.",
    "a drawing with {} in it",
    "the picture shows {}",
    "{}",
    "{}",
)


@dataclass(frozen=True)
class Pool:
    """Scenes drawn in advance: uint8 (N, 64, 64, 3), labels (N, 24), token ids of captions."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.bool_]
    captions: list[list[list[int]]]


def draw_pool(seed: int, count: int, workers: int = 1) -> Pool:
    """The first `count` scenes of the world `seed`, drawn by several processes."""
    step = 1000
    chunks = [(seed, first, min(first + step, count)) for first in range(0, count, step)]
    with ProcessPoolExecutor(workers) as pool:
        parts = list(pool.map(_draw_chunk, chunks))
    return Pool(
        np.concatenate([part.pictures for part in parts]),
        np.concatenate([part.labels for part in parts]),
        [captions for part in parts for captions in part.captions],
    )


def _draw_chunk(chunk: tuple[int, int, int]) -> Pool:
    seed, first, last = chunk
    indices = range(first, last)
    return Pool(
        np.stack([np.asarray(scenes.image(seed, i)) for i in indices]),
        np.stack([scenes.labels(seed, i) for i in indices]),
        [[encode(text) for text in scenes.captions(seed, i)] for i in indices],
    )


def encode(text: str) -> list[int]:
    """CLIP's token ids of the text with start and end, cut to 77 as open_clip does."""
    start, end, _ = _tokenizer()
    ids = [token for word in text.split() for token in _word(word)]
    return [start, *ids[: CONTEXT - 2], end]


@cache
def _tokenizer() -> tuple[int, int, Any]:
    tokenizer = open_clip().tokenizer.SimpleTokenizer()
    return tokenizer.sot_token_id, tokenizer.eot_token_id, tokenizer


@cache
def _word(word: str) -> tuple[int, ...]:
    return tuple(_tokenizer()[2].encode(word))


def prompt(template: str, names: list[str], style: int) -> str:
    """The template filled with class names, joined in one of three styles."""
    if style == 0 and len(names) > 1:
        listed = ", ".join(names[:-1]) + " and " + names[-1]
    else:
        listed = (" " if style == 1 else ", ").join(names)
    return template.format(listed)


@dataclass(frozen=True)
class Batch:
    """Pictures float32 (n, 3, 64, 64), one text each, and true_of (pictures, texts), bool.

    class_texts: one prompt of each class, which labels (n, 24) say to be true or not.
    """

    pictures: torch.Tensor
    texts: list[list[int]]
    true_of: torch.Tensor
    class_texts: list[list[int]]
    labels: torch.Tensor


def batches(pool: Pool, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Endless: every scene once, in a new order, then again."""
    with ThreadPoolExecutor(1) as ahead:  # makes the next batch while this one is used
        coming: Future[Batch] | None = None
        while True:
            order = rng.permutation(len(pool.labels))
            for first in range(0, len(order) - size + 1, size):
                made = coming
                coming = ahead.submit(_batch, pool, order[first : first + size], rng)
                if made is not None:
                    yield made.result()


def _batch(pool: Pool, rows: NDArray[np.intp], rng: np.random.Generator) -> Batch:
    labels = pool.labels[rows]
    named = np.zeros_like(labels)
    texts = []
    kinds = rng.random(len(rows))
    for item, row in enumerate(rows):
        if kinds[item] < CAPTION_SHARE:
            texts.append(pool.captions[row][rng.integers(len(pool.captions[row]))])
            continue
        classes = np.flatnonzero(labels[item])
        if rng.random() < 0.4:
            classes = rng.permutation(classes)
        named[item, classes] = True
        texts.append(_random_prompt([CLASS_NAMES[c] for c in classes], rng))
    # A prompt is true of a scene that lacks none of the named classes; a caption of its own alone.
    lacking = (~labels).astype(np.float32) @ named.T.astype(np.float32)
    true_of = ((lacking == 0) & named.any(axis=1)) | np.eye(len(rows), dtype=bool)
    return Batch(
        pictures(pool.pictures[rows]),
        texts,
        torch.from_numpy(true_of),
        [_random_prompt([name], rng) for name in CLASS_NAMES],
        torch.from_numpy(labels),
    )


def _random_prompt(names: list[str], rng: np.random.Generator) -> list[int]:
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    return encode(prompt(template, names, int(rng.integers(3))))


def pictures(raw: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (n, 64, 64, 3) as CLIP takes it: float32 (n, 3, 64, 64), its mean and deviation."""
    mean = torch.tensor(open_clip().OPENAI_DATASET_MEAN)
    deviation = torch.tensor(open_clip().OPENAI_DATASET_STD)
    scaled = (torch.from_numpy(raw).float() / 255.0 - mean) / deviation
    return scaled.permute(0, 3, 1, 2).contiguous()


class Vocabulary:
    """The tokens that occur, numbered anew so that training carries no unused embeddings."""

    def __init__(self, pool: Pool) -> None:
        listed = [token for texts in pool.captions for text in texts for token in text]
        for style in range(3):
            for template in TEMPLATES:
                listed += encode(prompt(template, list(CLASS_NAMES)[:12], style))
                listed += encode(prompt(template, list(CLASS_NAMES)[12:], style))
        self.ids = np.unique(np.array(listed))

    def matrix(self, texts: list[list[int]]) -> torch.Tensor:
        """New numbers, (n, longest), padded with 0; the end token keeps the highest number."""
        longest = max(map(len, texts))
        out = np.zeros((len(texts), longest), dtype=np.int64)
        for row, text in enumerate(texts):
            out[row, : len(text)] = np.searchsorted(self.ids, text)
        return torch.from_numpy(out)
