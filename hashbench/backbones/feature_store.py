"""The feature cache: what a backbone computed from a dataset or a list of prompts, on disk.

An entry is a folder of plain .npy files, made under another name and renamed when whole; a killed
worker's goes on where it was. Two workers that want the same entry at once: one computes, the other
waits for its lock.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hashbench.backbones.cache_entries import building_folder, lock_file
from hashbench.backbones.cache_writer import Broken, Building, broken_in
from hashbench.backbones.registry import BackboneSource
from hashbench.datasets.base import Dataset, IntArray
from hashbench.errors import DamagedFileError, InputError
from hashbench.files import locks
from hashbench.files.growing_arrays import map_array, save_array
from hashbench.files.matlab_values import Array

if TYPE_CHECKING:
    import torch

    from hashbench.backbones.blocks import BlockInputs, Tail, TunableClip
    from hashbench.backbones.clip import ClipBackbone, FloatArray

FORMAT = 1
BATCH = 256
READERS = min(16, max(4, os.cpu_count() or 1))
"""Threads that decode pictures."""

Report = Callable[[str, int, int], None]
"""(what, done, total), called as work goes on."""


@dataclass(frozen=True)
class Features:
    """Pooled features of N items, as memory maps.

    `images` is (N, d), `texts` (M, d) holds every caption of every item: those of item i are rows
    `offsets[i]` up to `offsets[i + 1]`, caption 0 first. Both are float32 or float16. The rows of
    `broken` pictures, which are to be left out of the split, are those of a grey one.
    """

    images: FloatArray
    texts: FloatArray
    offsets: IntArray
    key: str
    computed: bool
    broken: tuple[Broken, ...] = ()

    def first_texts(self, items: IntArray) -> FloatArray:
        """(n, d) features of caption 0 of each item."""
        return self.texts[self.offsets[items]]


class FeatureStore:
    """The cache of one backbone below `root`; loads the model only when something is missing.

    A picture that cannot be read is an error, or is remembered if `skip_broken`.
    """

    def __init__(
        self,
        root: Path,
        source: BackboneSource,
        device: torch.device,
        report: Report,
        *,
        skip_broken: bool = False,
    ) -> None:
        self._root = root
        self._skip_broken = skip_broken
        self._source = source
        self._device = device
        self._report = report

    @functools.cached_property
    def backbone(self) -> ClipBackbone:
        """The model itself, loaded at the first use.

        Libraries draw initial weights before they load the real ones. Whether a cache is warm must
        not change what the run draws next, so these draws are taken back.
        """
        import torch

        with torch.random.fork_rng(devices=[]):
            return self._source.load(self._device)

    def dataset(self, dataset: Dataset) -> Features:
        """The features of a dataset, read or computed; those that it ships need no backbone.

        Raises DamagedFileError for a picture that cannot be read, unless broken ones are skipped.
        """
        if dataset.features is not None:
            images, texts = dataset.features
            each_its_own = np.arange(len(dataset) + 1, dtype=np.int64)
            key = f"{dataset.name}.shipped.{dataset.fingerprint[:12]}"
            return Features(images, texts, each_its_own, key, computed=False)
        half = {"fp": 16} if self._source.precision == "fp16" else {}
        entry, identity = self._entry_of(dataset, **half)
        computed = self._once(entry, identity, lambda building: self._compute(dataset, building))
        broken = broken_in(entry)
        if broken and not self._skip_broken:
            raise _unreadable(broken[0], f"{broken[0].problem} ({len(broken):,} such pictures)")
        images, texts, offsets = (_map(entry, part) for part in ("images", "texts", "offsets"))
        return Features(images, texts, np.asarray(offsets), entry.name, computed, broken)

    def prompts(self, sentences: Sequence[str]) -> FloatArray:
        """(k, d) features of sentences, read or computed."""
        text = json.dumps(list(sentences))
        digest = hashlib.sha256(f"{FORMAT} {self._source.key} {text}".encode()).hexdigest()[:16]
        entry = self._root / f"prompts.{self._source.name}.{digest}"
        identity = {"format": FORMAT, "prompts": len(sentences), "backbone": self._source.key}
        self._once(entry, identity, lambda building: self._encode_texts(sentences, building))
        return np.array(_map(entry, "texts"))

    def blocks(self, dataset: Dataset, last: int) -> BlockInputs:
        """The inputs of the first of the `last` blocks of both towers, read or computed.

        Raises InputError where the backbone has no such blocks.
        """
        from hashbench.backbones.blocks import BlockInputs

        entry, identity = self._entry_of(dataset, blocks=last)
        self._once(entry, identity, lambda building: self._compute_blocks(dataset, last, building))
        images, texts, starts = (_map(entry, part) for part in ("images", "texts", "starts"))
        return BlockInputs(images, texts, np.asarray(starts), entry.name)

    def tails(self, last: int) -> tuple[Tail, Tail]:
        """The weights of the last blocks of the towers, of pictures and of texts."""
        return self._tunable(last).tails()

    def _entry_of(self, dataset: Dataset, **more: object) -> tuple[Path, dict[str, object]]:
        """The folder of what the backbone makes of a dataset, and all that it depends on."""
        identity: dict[str, object] = {
            "format": FORMAT,
            "dataset": dataset.name,
            "fingerprint": dataset.fingerprint,
            "items": len(dataset),
            "backbone": self._source.name,
            "weights": self._source.weights_hash,
            **self._source.encoding_of(dataset.pictures),
            **more,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
        kind = "".join(f".{name}{value}" for name, value in more.items())
        return self._root / f"{dataset.name}.{self._source.name}{kind}.{digest}", identity

    def _tunable(self, last: int) -> TunableClip:
        from hashbench.backbones.blocks import TunableClip

        return TunableClip(self.backbone, self._source.name, last)

    def _once(
        self, entry: Path, identity: dict[str, object], compute: Callable[[Building], None]
    ) -> bool:
        """Makes `entry` unless it is there; tells whether it was made."""
        if entry.is_dir():
            return False
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with locks.held(lock_file(self._root, entry.name)):
                if entry.is_dir():  # another worker was faster
                    return False
                # other devices round differently, so none goes on with what another one began
                maker = {**identity, "device": self._device.type}
                building = Building(building_folder(self._root, entry.name), maker)
                compute(building)
                building.finish(entry, identity)
        except PermissionError as error:
            raise InputError(
                "cannot write the feature cache",
                where=error.filename,
                remedy="another --data-dir, or make this one writable",
            ) from error
        return True

    def _compute(self, dataset: Dataset, building: Building) -> None:
        counts = [len(captions) for captions in dataset.captions]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        save_array(building.folder / "offsets.npy", offsets)

        def pieces(done: int) -> Iterator[tuple[int, slice, FloatArray]]:
            for start, stop, batch in self._pixels(dataset, "image features", building, done):
                yield stop, slice(start, stop), self.backbone.encode_images(batch)

        building.fill("images", len(dataset), pieces, self._stored)
        captions = [caption for captions in dataset.captions for caption in captions]
        self._encode_texts(captions, building, self._stored)

    @property
    def _stored(self) -> npt.DTypeLike:
        return np.float16 if self._source.precision == "fp16" else np.float32

    def _compute_blocks(self, dataset: Dataset, last: int, building: Building) -> None:
        from hashbench.backbones.blocks import write_images, write_texts

        tunable = self._tunable(last)

        def pixels(done: int) -> Iterator[tuple[int, int, FloatArray]]:
            return self._pixels(dataset, "image tokens", building, done)

        write_images(building, len(dataset), pixels, tunable.images)
        captions = [caption for captions in dataset.captions for caption in captions]
        tokens, batches = self._by_length(captions, "text tokens")
        write_texts(building, tokens, batches, tunable.texts)

    def _pixels(
        self, dataset: Dataset, what: str, building: Building, done: int
    ) -> Iterator[tuple[int, int, FloatArray]]:
        """(start, stop, pixels) over the pictures from `done` on, a batch ahead of who takes them;
        progress is told when a batch is done with.
        """
        backbone = self.backbone

        def read(index: int) -> FloatArray:
            try:
                return backbone.pixels(dataset.pictures.read(index))
            except DamagedFileError as error:
                broken = Broken(index, dataset.ids[index], str(error.where or ""), error.problem)
                if not self._skip_broken:
                    raise _unreadable(broken, broken.problem) from error
                building.broken[index] = broken
                return backbone.grey()

        pool = ThreadPoolExecutor(READERS)
        try:
            blocks = list(_blocks(done, len(dataset)))
            ahead = [pool.submit(read, index) for index in range(*(blocks or [(0, 0)])[0])]
            for (start, stop), following in itertools.zip_longest(blocks, blocks[1:]):
                batch = np.stack([reading.result() for reading in ahead])
                ahead = [pool.submit(read, index) for index in range(*(following or (0, 0)))]
                yield start, stop, batch
                self._report(what, stop, len(dataset))
        finally:
            pool.shutdown(cancel_futures=True)

    def _encode_texts(
        self, sentences: Sequence[str], building: Building, dtype: npt.DTypeLike = np.float32
    ) -> None:
        tokens, batches = self._by_length(sentences, "text features")

        def pieces(done: int) -> Iterator[tuple[int, IntArray, FloatArray]]:
            for stop, rows in batches(done):
                yield stop, rows, self.backbone.encode_tokens(tokens[rows])

        building.fill("texts", len(sentences), pieces, dtype)

    def _by_length(
        self, sentences: Sequence[str], what: str
    ) -> tuple[torch.Tensor, Callable[[int], Iterator[tuple[int, IntArray]]]]:
        """Token ids (n, context), and from how many are done to batches (done after it, rows) in
        order of length, so that each can be cut after its longest sentence; progress is told when
        a batch is done with.
        """
        tokens = self.backbone.tokenise(sentences)
        order = tokens.argmax(dim=1).argsort(stable=True).numpy()

        def batches(done: int) -> Iterator[tuple[int, IntArray]]:
            for start, stop in _blocks(done, len(sentences)):
                yield stop, order[start:stop]
                self._report(what, stop, len(sentences))

        return tokens, batches


def _blocks(done: int, total: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + BATCH, total)) for start in range(done, total, BATCH))


def _unreadable(broken: Broken, problem: str) -> DamagedFileError:
    return DamagedFileError(
        problem,
        where=broken.file,
        remedy="fetch the file again, or leave out such items: --on-bad-image skip;"
        " `hashbench datasets check` lists all of them",
    )


def _map(entry: Path, part: str) -> Array:
    return map_array(entry / f"{part}.npy", remedy=f"hashbench cache rm {entry.name}")
