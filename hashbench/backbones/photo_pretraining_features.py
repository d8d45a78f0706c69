"""What the frozen trunk and the frozen sentence encoder make of photo-clip's pre-training data."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.backbones import photo_pretraining_data as data
from hashbench.backbones.lite0 import Lite0, PhotoFeatures
from hashbench.backbones.minilm import WIDTH, MiniLM
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.photo_clip import CELLS, DIM, MAP_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PICTURES, SENTENCES = 32, 256
"""Encoded at once."""

BASIS_TEXTS = 40_000
"""Drawn texts whose features span the 256 directions."""


@dataclass(frozen=True)
class Views:
    """The trunk's features of V views of n photographs: `maps` (V, n, 49, 320), `pooled`
    (V, n, 1280), float16; `logits` (n, 1000) of the first view.
    """

    maps: NDArray[np.float16]
    pooled: NDArray[np.float16]
    logits: NDArray[np.float32]

    def of(self, views: NDArray[np.int64], photos: NDArray[np.int64]) -> PhotoFeatures:
        """The features of one view (n) of each of some photographs (n)."""
        return PhotoFeatures(
            torch.from_numpy(self.maps[views, photos].astype(np.float32)),
            torch.from_numpy(self.pooled[views, photos].astype(np.float32)),
        )


def encode_views(photos: data.Photos, views: int, work: Path) -> Views:
    """Of the first `views` views; read from `work` where they are there."""
    files = {name: work / f"{name}.npy" for name in ("maps", "pooled", "logits")}
    if not all(file.is_file() for file in files.values()):
        _encode_views(photos.paths, views, files)
    return Views(*(np.load(file, mmap_mode="r") for file in files.values()))


def _encode_views(paths: list[Path], views: int, files: dict[str, Path]) -> None:
    shapes = {"maps": (views, len(paths), CELLS, MAP_WIDTH), "pooled": (views, len(paths), 1280)}
    arrays = {
        name: np.lib.format.open_memmap(_partial(files[name]), "w+", np.float16, shape)
        for name, shape in shapes.items()
    }
    logits = np.empty((len(paths), 1000), np.float32)
    trunk = Lite0()
    for view in range(views):
        for start in range(0, len(paths), PICTURES):
            rows = slice(start, start + PICTURES)
            pixels = np.stack([data.pixels(path, view) for path in paths[rows]])
            with torch.inference_mode():
                batch = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
                features = trunk(batch)
                if view == 0:
                    logits[rows] = trunk.logits(features.pooled).numpy()
            arrays["maps"][view, rows] = features.maps.half().numpy()
            arrays["pooled"][view, rows] = features.pooled.half().numpy()
        log.info("view %d of %d of %d photographs", view + 1, views, len(paths))
    for array in arrays.values():
        array.flush()
    with _partial(files["logits"]).open("wb") as out:
        np.save(out, logits)
    for file in files.values():
        _partial(file).replace(file)


def _partial(file: Path) -> Path:
    return file.with_suffix(".partial")


class Teacher:
    """MiniLM's features of texts, projected on the directions in which those of `texts` vary most.

    Uncentred, so that cosines are kept: `kept` is the mean length of what is left of unit features.
    """

    def __init__(self, texts: list[str], work: Path, seed: int) -> None:
        self._model = MiniLM()
        file = work / "sentences.npy"
        if not file.is_file():
            with _partial(file).open("wb") as out:
                np.save(out, self._encode(texts).astype(np.float16))
            _partial(file).replace(file)
        features = torch.from_numpy(np.load(file).astype(np.float32))
        if len(features) != len(texts):
            raise ValueError(f"{file} is of other texts: delete it")
        drawn = np.random.default_rng(seed).permutation(len(features))[:BASIS_TEXTS]
        self._basis = torch.linalg.svd(features[drawn], full_matrices=False)[2][:DIM].T
        self.targets = F.normalize(features @ self._basis, dim=1)
        self.kept = float((features @ self._basis).norm(dim=1).mean())

    def of(self, texts: list[str]) -> Tensor:
        """(n, 256) unit targets of further texts."""
        return F.normalize(torch.from_numpy(self._encode(texts)) @ self._basis, dim=1)

    @torch.inference_mode()
    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        out = np.empty((len(texts), WIDTH), np.float32)
        order = np.argsort([len(text) for text in texts], kind="stable")
        for start in range(0, len(order), SENTENCES):
            rows = order[start : start + SENTENCES]
            out[rows] = self._model(self._model.tokenise([texts[row] for row in rows])).numpy()
        return out


@dataclass(frozen=True)
class TokenTable:
    """Token ids of texts over the tokens that occur in them: `ids` (t) are CLIP's, in order;
    `rows` (n, 77) index them, and `ends` (n) is the place of each text's end token.
    """

    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    ends: NDArray[np.int64]

    def batch(self, texts: NDArray[np.int64]) -> Tensor:
        """(n, L) rows of some texts, cut behind the longest."""
        return torch.from_numpy(self.rows[texts, : self.ends[texts].max() + 1])


def token_table(texts: list[str]) -> TokenTable:
    """As CLIP's byte pairs cut them."""
    tokenizer = open_clip().tokenizer.SimpleTokenizer()
    tokens = np.asarray(tokenizer(texts, 77).numpy(), np.int64)
    ids = np.unique(tokens)
    return TokenTable(ids, np.searchsorted(ids, tokens), tokens.argmax(axis=1))
