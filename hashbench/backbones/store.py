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

    from hashbench.backbones.blocks import BlockInputs, Tail, TunableClip
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
        """The features of a dataset, read or computed; those that it ships need no backbone."""
        if dataset.features is not None:
            images, texts = dataset.features
            each_its_own = np.arange(len(dataset) + 1, dtype=np.int64)
            key = f"{dataset.name}.shipped.{dataset.fingerprint[:12]}"
            return Features(images, texts, each_its_own, key, computed=False)
        entry, identity = self._entry_of(dataset)
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

    def blocks(self, dataset: Dataset, last: int) -> BlockInputs:
        """The inputs of the first of the `last` blocks of both towers, read or computed.

        Raises InputError where the backbone has no such blocks.
        """
        from hashbench.backbones.blocks import BlockInputs

        entry, identity = self._entry_of(dataset, blocks=last)
        self._once(entry, identity, lambda folder: self._compute_blocks(dataset, last, folder))
        images, texts, starts = (
            np.load(entry / f"{part}.npy", mmap_mode="r", allow_pickle=False)
            for part in ("images", "texts", "starts")
        )
        return BlockInputs(images, texts, np.asarray(starts), entry.name)

    def tails(self, last: int) -> tuple[Tail, Tail]:
        """The weights of the last blocks of the towers, of pictures and of texts."""
        return self._tunable(last).tails()

    def _entry_of(self, dataset: Dataset, **more: object) -> tuple[Path, dict[str, object]]:
        """The folder of what the backbone makes of a dataset, and all that it depends on."""
        from hashbench.backbones.clip import TRANSFORM

        identity: dict[str, object] = {
            "format": FORMAT,
            "dataset": dataset.name,
            "fingerprint": dataset.fingerprint,
            "items": len(dataset),
            "backbone": self._source.name,
            "weights": self._source.weights_hash,
            "transform": TRANSFORM,
            **more,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
        kind = "".join(f".{name}{value}" for name, value in more.items())
        return self._root / f"{dataset.name}.{self._source.name}{kind}.{digest}", identity

    def _tunable(self, last: int) -> TunableClip:
        from hashbench.backbones.blocks import TunableClip

        return TunableClip(self.backbone, self._source.name, last)

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

    def _compute_blocks(self, dataset: Dataset, last: int, folder: Path) -> None:
        from hashbench.backbones.blocks import write_images, write_texts

        tunable = self._tunable(last)
        pictures = self._pixels(dataset, "image tokens")
        write_images(folder, len(dataset), pictures, tunable.images)
        captions = [caption for captions in dataset.captions for caption in captions]
        tokens, batches = self._by_length(captions, "text tokens")
        write_texts(folder, tokens, batches, tunable.texts)

    def _encode_pictures(self, dataset: Dataset, target: Path) -> None:
        out = None
        for start, stop, batch in self._pixels(dataset, "image features"):
            features = self.backbone.encode_images(batch)
            out = _create(target, len(dataset), features) if out is None else out
            out[start:stop] = features

    def _pixels(self, dataset: Dataset, what: str) -> Iterator[tuple[int, int, FloatArray]]:
        """(start, stop, pixels) over all pictures; progress is told when a batch is done with."""
        backbone = self.backbone

        def read(index: int) -> FloatArray:
            return backbone.pixels(dataset.pictures.read(index))

        with ThreadPoolExecutor(4) as readers:
            for start, stop in _blocks(len(dataset)):
                yield start, stop, np.stack(list(readers.map(read, range(start, stop))))
                self._report(what, stop, len(dataset))

    def _encode_texts(self, sentences: Sequence[str], target: Path) -> None:
        tokens, batches = self._by_length(sentences, "text features")
        out = None
        for rows in batches:
            features = self.backbone.encode_tokens(tokens[rows])
            out = _create(target, len(sentences), features) if out is None else out
            out[rows] = features

    def _by_length(
        self, sentences: Sequence[str], what: str
    ) -> tuple[torch.Tensor, Iterator[IntArray]]:
        """Token ids (n, context), and batches of rows in order of length, so that each batch can
        be cut after its longest sentence; progress is told when a batch is done with.
        """
        tokens = self.backbone.tokenise(sentences)
        order = tokens.argmax(dim=1).argsort(stable=True).numpy()

        def batches() -> Iterator[IntArray]:
            for start, stop in _blocks(len(sentences)):
                yield order[start:stop]
                self._report(what, stop, len(sentences))

        return tokens, batches()


def _blocks(total: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + BATCH, total)) for start in range(0, total, BATCH))


def _create(target: Path, rows: int, first: FloatArray) -> FloatArray:
    path = target.with_suffix(".npy")
    shape = (rows, first.shape[1])
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
