"""What `photo-clip` is pre-trained on: photographs with captions or words, and texts without.

The photographs are those of Flickr8k (Hodosh et al., JAIR 2013; five captions each) and Corel5k
(Duygulu et al., ECCV 2002; four or five words each). Texts without a photograph are bags of words,
as tags are, and single words in sentences: most of their words come from the sentence encoder's
own vocabulary and from the names of ImageNet's classes. Nothing of a dataset that hashbench
evaluates on is read.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.photo_clip import IMAGE_SIZE
from hashbench.backbones.tower_pairs import MINILM
from hashbench.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hashbench.backbones.clip import FloatArray

CAPTIONS = 5
"""Of each photograph of Flickr8k."""

TEMPLATES = ("a photo of a {}", "a photo of {}", "{}", "a picture of {} .")
BAGS = 50_000
FREQUENT_WORDS = 12_000
"""Whole words of the sentence encoder's vocabulary, which is ordered by frequency."""

SMALLEST_WINDOW = 0.45  # of the photograph's area
HELD_OUT = 600  # photographs of each source, on which settings were chosen


@dataclass(frozen=True)
class Photos:
    """Photographs and their texts: those with captions come first, then those with words."""

    captioned: list[tuple[Path, list[str]]]
    tagged: list[tuple[Path, list[str]]]

    @property
    def paths(self) -> list[Path]:
        return [path for path, _ in (*self.captioned, *self.tagged)]

    @cached_property
    def words(self) -> list[str]:
        """The words of the photographs with words, sorted."""
        return sorted({word for _, words in self.tagged for word in words})

    def held_out(self) -> NDArray[np.bool_]:
        """Which photographs are kept back, by a fixed draw of each source."""
        chosen = np.zeros(len(self.captioned) + len(self.tagged), bool)
        first = 0
        for seed, source in enumerate((self.captioned, self.tagged)):
            draw = np.random.default_rng(seed).permutation(len(source))[:HELD_OUT]
            chosen[first + draw] = True
            first += len(source)
        return chosen


def read_photos(folder: Path) -> Photos:
    """`flickr8k/`, `flickr8k_captions.json` (a list of [file, captions]), `corel5k/` and
    `corel5k_words.json` (a list of [number, words]). Raises InputError where one is missing.
    """
    lists = []
    for name in ("flickr8k_captions.json", "corel5k_words.json"):
        file = folder / name
        if not file.is_file():
            raise InputError("is missing", where=file, remedy="name their folder with --photos")
        lists.append(json.loads(file.read_text(encoding="utf-8")))
    captions, words = lists
    return Photos(
        [(folder / "flickr8k" / name, list(texts)[:CAPTIONS]) for name, texts in captions],
        [(folder / "corel5k" / f"{number}.jpg", list(each)) for number, each in words],
    )


@dataclass(frozen=True)
class Texts:
    """All texts that the text tower learns from the sentence encoder."""

    captions: list[str]
    tags: list[str]
    bags: list[str]
    sentences: list[str]

    @cached_property
    def all(self) -> list[str]:
        return [*self.captions, *self.tags, *self.bags, *self.sentences]


def draw_texts(photos: Photos, class_names: list[list[str]], seed: int) -> Texts:
    """Captions and words of all photographs, and drawn bags and sentences."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    captions = [text for _, texts in photos.captioned for text in texts]
    tags = [", ".join(words) for _, words in photos.tagged]
    frequent = _frequent_words()
    bags = [_bag(rng, captions, photos, frequent) for _ in range(BAGS)]
    lemmas = [word for names in class_names for word in names]
    sentences = [
        *(rng.choice(TEMPLATES).format(word) for word in frequent),
        *frequent,
        *(template.format(word) for word in lemmas for template in TEMPLATES[:3]),
        *(template.format(word) for word in photos.words for template in TEMPLATES),
    ]
    return Texts(captions, tags, bags, sentences)


def _frequent_words() -> list[str]:
    vocabulary = (MINILM.path.parent / "vocab.txt").read_text(encoding="utf-8").split("\n")
    words = [word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2]
    return words[:FREQUENT_WORDS]


def _bag(rng: random.Random, captions: list[str], photos: Photos, frequent: list[str]) -> str:
    """One to eleven words, as somebody tags a photograph: some belong together, some to nothing."""
    size, kind = rng.randint(1, 8), rng.random()
    if kind < 0.35:
        content = [word for word in re.findall("[a-z]+", rng.choice(captions).lower()) if word[2:]]
        words = rng.sample(content, min(size, len(content)))
        words += rng.sample(frequent, rng.randint(0, 3))
    elif kind < 0.6:
        words = [*rng.choice(photos.tagged)[1], *rng.sample(frequent, rng.randint(0, 3))]
        rng.shuffle(words)
    else:
        words = rng.sample(frequent, size)
    return rng.choice((" ", ", ")).join(words)


def imagenet_names() -> list[list[str]]:
    """The names of each of ImageNet's 1,000 classes."""
    open_clip()  # prepares the import of timm, which needs torchvision's operators
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    names = [info.index_to_description(number) or "" for number in range(1000)]
    return [[word.strip() for word in each.split(",")] for each in names]


def pixels(path: Path, view: int) -> FloatArray:
    """(3, 224, 224) of the centre of a photograph (`view` 0), or of a window of it, perhaps
    mirrored; which one hangs on the file's name and `view` alone. Scaled as for the trunk.
    """
    rng = random.Random(f"{view} {path.name}")  # noqa: S311 - no secret
    picture = Image.open(path, formats=["JPEG"]).convert("RGB")
    width, height = picture.size
    if view == 0:
        across = down = float(min(picture.size))
        left, top = (width - across) / 2, (height - down) / 2
    else:
        area = rng.uniform(SMALLEST_WINDOW, 1.0) * width * height
        shape = rng.uniform(0.75, 1.33)
        across, down = min(width, (area * shape) ** 0.5), min(height, (area / shape) ** 0.5)
        left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    side = (IMAGE_SIZE, IMAGE_SIZE)
    box = (left, top, left + across, top + down)
    window = picture.resize(side, Image.Resampling.BICUBIC, box=box)
    if view and rng.random() < 0.5:
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scaled = (np.asarray(window, np.float32) - np.float32(127)) / np.float32(128)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def words_of(photos: Photos, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, words): which words each of the tagged photographs has."""
    place = {word: number for number, word in enumerate(photos.words)}
    labels = np.zeros((len(rows), len(place)), bool)
    for at, row in enumerate(rows.tolist()):
        labels[at, [place[word] for word in photos.tagged[row][1]]] = True
    return labels
