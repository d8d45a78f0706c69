"""The feature cache: what a backbone computed from a dataset or a list of prompts, on disk.

An entry is a folder of plain .npy files, made under another name and renamed when whole; a killed
worker's is resumed. Two workers that want the same entry at once: one computes, the other waits for
its lock.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hashbench.backbones.cache_entries import claimed
from hashbench.backbones.cache_writer import BrokenPicture, EntryWriter, broken_in
from hashbench.backbones.pictures import unreadable
from hashbench.backbones.registry import BackboneSource
from hashbench.datasets.base import Dataset, IntArray
from hashbench.errors import InputError
from hashbench.files.growing_arrays import map_array
from hashbench.files.matlab_values import Array

if TYPE_CHECKING:
    import torch

    from hashbench.backbones.block_inputs import BlockInputs, StoredCaptions
    from hashbench.backbones.blocks import Tail, TunableClip
    from hashbench.backbones.clip import FloatArray
    from hashbench.backbones.encoders import Encoders

FORMAT = 1

Report = Callable[[str, int, int], None]
"""(what, done, total), called as work goes on."""


@dataclass(frozen=True)
class Features:
    """Pooled features of N items, as memory maps.

    `images` is (N, d), `texts` (M, d) holds every caption of every item: those of item i are rows
    `offsets[i]` up to `offsets[i + 1]`, caption 0 first. Both are float32 or float16. The rows of
    `broken` pictures, which are to be left out of the split, are those of a grey one.
    `fitted_encoders` says of which kind the encoders are where each run fits a part of them.
    """

    images: FloatArray
    texts: FloatArray
    offsets: IntArray
    key: str
    computed: bool
    broken: tuple[BrokenPicture, ...] = ()
    fitted_encoders: str = ""

    @property
    def encoders(self) -> str:
        """Equal for runs whose features are of one kind, so that their scores can be compared."""
        return self.fitted_encoders or self.key

    def first_texts(self, items: IntArray) -> FloatArray:
        """(n, d) features of caption 0 of each item."""
        return self.texts[self.offsets[items]]


class FeatureStore:
    """The cache of one backbone below `root`; loads the model only when something is missing.

    A picture that cannot be read is an error, or is noted if `skip_broken`.
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
        self.root = root
        self.skip_broken = skip_broken
        self.source = source
        self.device = device
        self.report = report

    @functools.cached_property
    def backbone(self) -> Encoders:
        """The model itself, loaded at the first use.

        Libraries draw initial weights before they load the real ones. Whether a cache is warm must
        not change what the run draws next, so these draws are taken back.
        """
        import torch

        with torch.random.fork_rng(devices=[]):
            return self.source.load(self.device)

    def dataset(self, dataset: Dataset) -> Features:
        """The features of a dataset, read or computed; those that it ships need no backbone.

        Raises DamagedFileError for a picture that cannot be read, unless broken ones are skipped.
        """
        if dataset.features is not None:
            images, texts = dataset.features
            one_each = np.arange(len(dataset) + 1, dtype=np.int64)
            key = f"{dataset.name}.shipped.{dataset.fingerprint[:12]}"
            return Features(images, texts, one_each, key, computed=False)
        return self._features(dataset, 0, None)[0]

    def with_blocks(
        self, dataset: Dataset, last: int, items: IntArray
    ) -> tuple[Features, BlockInputs]:
        """Features, and the inputs of the first of the `last` blocks of both towers.

        One pass over the pictures makes both. Block inputs of small datasets are kept whole; of
        large ones those of `items` (sorted) are kept, and all others are computed when they are
        asked for. Raises InputError where the backbone has no such blocks.
        """
        features, blocks = self._features(dataset, last, self._kept(dataset, items))
        if blocks is None:
            raise TypeError("no block inputs were asked for")
        return features, blocks

    def is_cached(self, dataset: Dataset, last: int, items: IntArray) -> tuple[bool, bool]:
        """Whether the features of a dataset exist, and the block inputs that `with_blocks` makes;
        without tuned blocks none are needed.
        """
        entry, _ = self.entry_of(dataset)
        if not last:
            return entry.is_dir(), True
        kept = self._kept(dataset, items)
        return entry.is_dir(), self._blocks_entry(dataset, last, kept)[0].is_dir()

    def prompts(self, sentences: Sequence[str]) -> FloatArray:
        """(k, d) features of sentences, read or computed."""
        from hashbench.backbones.extraction import Extraction

        entry, identity = self._sentences_entry("prompts", sentences, self.source.key)
        with self.written(entry, identity) as writer:
            if writer is not None:
                Extraction(self.backbone, self.report).texts(writer, sentences, np.float32)
        return np.array(_map(entry, "texts"))

    def caption_blocks(self, captions: Sequence[str], last: int) -> StoredCaptions:
        """Inputs of the text tower's first tuned block for captions that are no dataset's, read or
        computed. Raises InputError where the backbone has no such blocks.
        """
        from hashbench.backbones.block_inputs import BATCHES, StoredCaptions
        from hashbench.backbones.extraction import Extraction

        key = f"{self.source.key} blocks{last} {BATCHES}"
        entry, identity = self._sentences_entry(f"captions.blocks{last}", captions, key)
        with self.written(entry, identity) as writer:
            if writer is not None:
                extraction = Extraction(self.backbone, self.report)
                extraction.block_texts(writer, self.tunable(last), captions)
        return StoredCaptions(entry, np.asarray(_map(entry, "starts")))

    def _sentences_entry(
        self, kind: str, sentences: Sequence[str], key: str
    ) -> tuple[Path, dict[str, object]]:
        """The folder of what the backbone makes of sentences, and all that it depends on."""
        text = json.dumps(list(sentences))
        digest = hashlib.sha256(f"{FORMAT} {key} {text}".encode()).hexdigest()[:16]
        entry = self.root / f"{kind}.{self.source.name}.{digest}"
        return entry, {"format": FORMAT, "prompts": len(sentences), "backbone": key}

    def tails(self, last: int) -> tuple[Tail, Tail]:
        """The weights of the last blocks of the towers, of pictures and of texts."""
        return self.tunable(last).tails()

    def entry_of(self, dataset: Dataset) -> tuple[Path, dict[str, object]]:
        """The folder of the features of a dataset, and all that they depend on."""
        return self._entry_of(dataset, self._parts)

    def _features(
        self, dataset: Dataset, last: int, kept: IntArray | None
    ) -> tuple[Features, BlockInputs | None]:
        """Features and, with `kept`, block inputs of these items: read, or computed in one pass."""
        from hashbench.backbones.extraction import BlocksTask, Extraction, PooledTask

        entry, identity = self.entry_of(dataset)
        with ExitStack() as stack:
            # always in this order, so that two workers cannot wait for each other
            pooled = stack.enter_context(self.written(entry, identity))
            blocks_entry, blocks = entry, None
            if kept is not None:
                blocks_entry, identity = self._blocks_entry(dataset, last, kept)
                blocks = stack.enter_context(self.written(blocks_entry, identity))
            if pooled is not None or blocks is not None:
                Extraction(self.backbone, self.report, skip_broken=self.skip_broken).dataset(
                    dataset,
                    None if pooled is None else PooledTask(pooled, self.stored),
                    None
                    if blocks is None or kept is None
                    else BlocksTask(blocks, self.tunable(last), kept),
                )
        broken = broken_in(entry)
        if broken and not self.skip_broken:
            raise unreadable(broken[0], f"{broken[0].problem} ({len(broken):,} such pictures)")
        images, texts, offsets = (_map(entry, part) for part in ("images", "texts", "offsets"))
        features = Features(
            images,
            texts,
            np.asarray(offsets),
            entry.name,
            pooled is not None,
            broken,
            self.source.fitted_encoders,
        )
        if kept is None:
            return features, None
        return features, self._block_inputs(dataset, last, kept, blocks_entry, features.offsets)

    def _kept(self, dataset: Dataset, items: IntArray) -> IntArray:
        """The items whose block inputs are kept: these, or all of a small dataset."""
        from hashbench.backbones.disk_estimate import keeps_all_blocks

        captions = sum(len(captions) for captions in dataset.captions)
        if keeps_all_blocks(self.source.config.shape, len(dataset), captions):
            return np.arange(len(dataset), dtype=np.int64)
        return items

    def _block_inputs(
        self, dataset: Dataset, last: int, kept: IntArray, entry: Path, offsets: IntArray
    ) -> BlockInputs:
        from hashbench.backbones.block_inputs import (
            BlockInputs,
            KeptRows,
            LiveEncoder,
            StoredCaptions,
        )
        from hashbench.backbones.extraction import captions_of

        live = LiveEncoder(lambda: self.backbone, lambda: self.tunable(last), dataset)
        texts = StoredCaptions(entry, np.asarray(_map(entry, "starts")))
        return BlockInputs(entry, KeptRows(kept), KeptRows(captions_of(offsets, kept)), texts, live)

    def _blocks_entry(
        self, dataset: Dataset, last: int, kept: IntArray
    ) -> tuple[Path, dict[str, object]]:
        from hashbench.backbones.block_inputs import BATCHES

        parts: dict[str, object] = {"blocks": last}
        if len(kept) < len(dataset):
            items = hashlib.sha256(np.ascontiguousarray(kept, "<i8").tobytes()).hexdigest()[:12]
            parts["of"] = f"{len(kept)}-{items}"
        return self._entry_of(dataset, parts, batches=BATCHES)

    def _entry_of(
        self, dataset: Dataset, parts: Mapping[str, object], **more: object
    ) -> tuple[Path, dict[str, object]]:
        """The folder of what the backbone makes of a dataset, and all that it depends on.

        `parts` say in its name what the entry holds.
        """
        identity: dict[str, object] = {
            "format": FORMAT,
            "dataset": dataset.name,
            "fingerprint": dataset.fingerprint,
            "items": len(dataset),
            "backbone": self.source.name,
            "weights": self.source.weights_hash,
            **self.source.encoding_of(dataset.pictures),
            **parts,
            **more,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
        kind = "".join(f".{name}{value}" for name, value in parts.items())
        return self.root / f"{dataset.name}.{self.source.name}{kind}.{digest}", identity

    def tunable(self, last: int) -> TunableClip:
        """The towers for a method that tunes their last blocks. Raises InputError for others."""
        from hashbench.backbones.blocks import TunableClip

        return TunableClip(self.backbone, self.source.name, last)

    @contextmanager
    def written(self, entry: Path, identity: dict[str, object]) -> Iterator[EntryWriter | None]:
        """The writer of an entry that is missing, under its lock; None for one that exists.

        The entry is put in its place at the end, unless an exception leaves it for a later worker.
        """
        if entry.is_dir():
            yield None
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with claimed(self.root, entry.name) as building:
                if entry.is_dir():  # another worker was faster
                    yield None
                    return
                # other devices round differently: none resumes what another one began
                maker = {**identity, "device": self.device.type}
                writer = EntryWriter(building, maker)
                yield writer
                writer.finish(entry, identity)
        except PermissionError as error:
            raise InputError(
                "cannot write the feature cache",
                where=error.filename,
                remedy="another --data-dir, or make this one writable",
            ) from error

    @property
    def _parts(self) -> dict[str, object]:
        """What the name of an entry of features says of their precision."""
        return {"fp": 16} if self.source.precision == "fp16" else {}

    @property
    def stored(self) -> npt.DTypeLike:
        """The type of features on disk."""
        return np.float16 if self.source.precision == "fp16" else np.float32


def _map(entry: Path, part: str) -> Array:
    return map_array(entry / f"{part}.npy", remedy=f"hashbench cache rm {entry.name}")
