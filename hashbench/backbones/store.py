"""The feature cache: what a backbone computed from a dataset or a list of prompts, on disk.

An entry is a folder of plain .npy files, written under another name and renamed when whole. Two
workers that want the same entry at once: one computes, the other waits for its lock.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import numpy as np

from hashbench.backbones.entries import DESCRIPTION
from hashbench.backbones.registry import BackboneSource
from hashbench.datasets.base import Dataset, IntArray
from hashbench.errors import InputError

if TYPE_CHECKING:
    import torch

    from hashbench.backbones.clip import ClipBackbone, FloatArray

FORMAT = 1
BATCH = 256

Report = Callable[[str, int, int], None]
"""(what, done, total), called as work goes on."""


@dataclass(frozen=True)
class Features:
    """Pooled features of N items, as memory maps.

    `images` is (N, d), `texts` (M, d) holds every caption of every item: those of item i are rows
    `offsets[i]` up to `offsets[i + 1]`, caption 0 first.
    """

    images: FloatArray
    texts: FloatArray
    offsets: IntArray
    key: str
    computed: bool

    def first_texts(self, items: IntArray) -> FloatArray:
        """(n, d) features of caption 0 of each item."""
        return self.texts[self.offsets[items]]


class FeatureStore:
    """The cache of one backbone below `root`; loads the model only when something is missing."""

    def __init__(
        self, root: Path, source: BackboneSource, device: torch.device, report: Report
    ) -> None:
        self._root = root
        self._source = source
        self._device = device
        self._report = report

    @functools.cached_property
    def backbone(self) -> ClipBackbone:
        """The model itself, loaded at the first use."""
        return self._source.load(self._device)

    def dataset(self, dataset: Dataset) -> Features:
        """The features of a dataset, read or computed."""
        from hashbench.backbones.clip import TRANSFORM

        identity = {
            "format": FORMAT,
            "dataset": dataset.name,
            "fingerprint": dataset.fingerprint,
            "items": len(dataset),
            "backbone": self._source.name,
            "weights": self._source.weights_hash,
            "transform": TRANSFORM,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
        entry = self._root / f"{dataset.name}.{self._source.name}.{digest}"
        computed = self._once(entry, identity, lambda folder: self._compute(dataset, folder))
        images, texts, offsets = (
            np.load(entry / f"{part}.npy", mmap_mode="r", allow_pickle=False)
            for part in ("images", "texts", "offsets")
        )
        return Features(images, texts, np.asarray(offsets), entry.name, computed)

    def prompts(self, sentences: Sequence[str]) -> FloatArray:
        """(k, d) features of sentences, read or computed."""
        text = json.dumps(list(sentences))
        digest = hashlib.sha256(f"{FORMAT} {self._source.key} {text}".encode()).hexdigest()[:16]
        entry = self._root / f"prompts.{self._source.name}.{digest}"
        identity = {"format": FORMAT, "prompts": len(sentences), "backbone": self._source.key}
        self._once(entry, identity, lambda folder: self._encode_texts(sentences, folder / "texts"))
        return np.asarray(np.load(entry / "texts.npy", allow_pickle=False))

    def _once(
        self, entry: Path, identity: dict[str, object], compute: Callable[[Path], None]
    ) -> bool:
        """Makes `entry` unless it is there; tells whether it was made."""
        if entry.is_dir():
            return False
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self._root / f".{entry.name}.lock")
            with lock:
                if entry.is_dir():  # another worker was faster
                    return False
                building = self._root / f".{entry.name}.building"
                shutil.rmtree(building, ignore_errors=True)  # a killed worker's leftovers
                building.mkdir()
                compute(building)
                (building / DESCRIPTION).write_text(json.dumps(identity, indent=1) + "\n")
                building.rename(entry)
        except PermissionError as error:
            raise InputError(
                "cannot write the feature cache",
                where=error.filename,
                remedy="another --data-dir, or make this one writable",
            ) from error
        return True

    def _compute(self, dataset: Dataset, folder: Path) -> None:
        counts = [len(captions) for captions in dataset.captions]
        np.save(folder / "offsets.npy", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
        self._encode_pictures(dataset, folder / "images")
        captions = [caption for captions in dataset.captions for caption in captions]
        self._encode_texts(captions, folder / "texts")

    def _encode_pictures(self, dataset: Dataset, target: Path) -> None:
        backbone = self.backbone

        def read(index: int) -> FloatArray:
            return backbone.pixels(dataset.pictures.read(index))

        out = None
        with ThreadPoolExecutor(4) as readers:
            for start, stop in _blocks(len(dataset)):
                batch = np.stack(list(readers.map(read, range(start, stop))))
                features = backbone.encode_images(batch)
                out = _create(target, len(dataset), features) if out is None else out
                out[start:stop] = features
                self._report("image features", stop, len(dataset))

    def _encode_texts(self, sentences: Sequence[str], target: Path) -> None:
        """In order of length, so that each batch can be cut after its longest sentence."""
        backbone = self.backbone
        tokens = backbone.tokenise(sentences)
        order = tokens.argmax(dim=1).argsort(stable=True).numpy()
        out = None
        for start, stop in _blocks(len(sentences)):
            rows = order[start:stop]
            features = backbone.encode_tokens(tokens[rows])
            out = _create(target, len(sentences), features) if out is None else out
            out[rows] = features
            self._report("text features", stop, len(sentences))


def _blocks(total: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + BATCH, total)) for start in range(0, total, BATCH))


def _create(target: Path, rows: int, first: FloatArray) -> FloatArray:
    path = target.with_suffix(".npy")
    shape = (rows, first.shape[1])
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
