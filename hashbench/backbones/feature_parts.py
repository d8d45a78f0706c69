"""Features of a dataset by parts: each part holds those of some pictures and some captions.

Parts begin and end between the batches of the whole build, and captions are counted in the order
in which that one encodes them, so that the parts join into the same bytes. A part is written
batch by batch like an entry of the cache, resumed like one, and packed into a file with a checksum
when it is whole.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hashbench.backbones import block_inputs, extraction
from hashbench.backbones.cache_entries import building_folder, lock_file, parts_folder
from hashbench.backbones.cache_writer import BrokenPicture, EntryWriter
from hashbench.backbones.extraction import Extraction, PooledTask, caption_offsets
from hashbench.backbones.feature_store import FeatureStore
from hashbench.datasets.base import Dataset
from hashbench.errors import BusyError, InputError
from hashbench.files import locks
from hashbench.files.growing_arrays import map_array
from hashbench.files.matlab_values import Array
from hashbench.files.part_files import (
    ArrayInPart,
    Header,
    PartFile,
    make_missing,
    read_part,
    write_part,
)


class FeatureParts:
    """The parts of the features that `store.dataset(dataset)` computes as a whole.

    Raises InputError for more parts than there are batches of pictures.
    """

    def __init__(self, store: FeatureStore, dataset: Dataset, parts: int) -> None:
        self.store, self.dataset, self.parts = store, dataset, parts
        self.entry, self._identity = store.entry_of(dataset)
        self.folder = parts_folder(store.root, self.entry.name)
        most = -(-len(dataset) // block_inputs.PICTURES)
        if not 1 <= parts <= most:
            raise InputError(
                f"{parts:,} parts of {len(dataset):,} pictures, which are encoded "
                f"{block_inputs.PICTURES} at once",
                where="--parts",
                remedy=f"from 1 to {most:,}",
            )

    @property
    def joined(self) -> bool:
        """Whether the features are there as a whole."""
        return self.entry.is_dir()

    def missing(self) -> list[int]:
        """The parts that have not been made, counted from 1."""
        if self.joined:
            return []
        return [part for part in range(1, self.parts + 1) if not self._file(part).is_file()]

    def make(self, part: int) -> bool:
        """Makes a part, or goes on with one that was begun; False, and nothing made, where another
        process is at it. One that exists is read.

        Raises DamagedFileError or InputError for a file that cannot serve, BusyError where a run
        computes the features as a whole.
        """
        if self._others_at_the_whole():
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.held(self.folder / f".{self._place(part)}.lock", 0) as mine:
            if not mine:
                return False
            if self.joined:  # meanwhile, and the parts are gone
                return True
            if not self._file(part).is_file():
                self._make(part)
                return True
            try:
                self._read(part)
            except InputError:
                if not self.joined:
                    raise
        return True

    def make_all(self) -> None:
        """Makes every part that is missing, first those that no other process is at, and joins."""
        makers = [functools.partial(self.make, part) for part in range(1, self.parts + 1)]
        make_missing(makers, lambda: self.store.report("waiting for other processes", 0, 0))
        self.join()

    def join(self) -> None:
        """Puts the parts, all of which are there, together, and removes them.

        Raises as `make` does for a part that cannot serve.
        """
        with self.store.written(self.entry, self._identity) as writer:
            if writer is not None:
                self._join(writer)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _others_at_the_whole(self) -> bool:
        """Whether the features are there, or another builder joins their parts. Raises BusyError
        where a run computes them as a whole.
        """
        held = locks.is_held(lock_file(self.store.root, self.entry.name))
        if held and self.missing():
            raise BusyError(
                "a run computes these features as a whole",
                where=self.entry.name,
                remedy="wait for it: `hashbench cache ls` lists them when they are there",
            )
        return held or self.joined

    def _make(self, part: int) -> None:
        store, of = self.store, self._inputs(part)
        writer = EntryWriter(building_folder(self.folder, self._place(part)), of)
        Extraction(store.backbone, store.report, skip_broken=store.skip_broken).part(
            self.dataset,
            PooledTask(writer, store.stored),
            range(*of["pictures"]),
            range(*of["captions"]),
        )
        arrays = dict(self._arrays(writer, of))
        broken = sorted(writer.broken.values(), key=lambda one: one.item)
        header = Header(
            of,
            part,
            self.parts,
            {name: ArrayInPart(one.dtype.str, one.shape) for name, one in arrays.items()},
            {"broken": msgspec.to_builtins(broken)},
        )
        write_part(self._file(part), header, arrays.values())
        shutil.rmtree(writer.folder)

    def _arrays(self, writer: EntryWriter, of: dict[str, Any]) -> Iterator[tuple[str, Array]]:
        for name, count in (("images", of["pictures"]), ("texts", of["captions"])):
            if count[0] < count[1]:
                yield name, map_array(writer.folder / f"{name}.npy", remedy="remove it")
        yield "rows", map_array(writer.folder / "rows.npy", remedy="remove it")

    def _join(self, writer: EntryWriter) -> None:
        """Writes the arrays part by part, each of which is noted, so that a killed join goes on."""
        captions = self._captions
        writer.save("offsets", caption_offsets(self.dataset))
        images = writer.array("images", len(self.dataset), self.store.stored)
        texts = writer.array("texts", captions, self.store.stored)
        for part in range(1, self.parts + 1):
            file = self._read(part)
            for broken in msgspec.convert(file.header.notes["broken"], list[BrokenPicture]):
                writer.broken[broken.item] = broken
            of = file.header.of
            first, stop = of["pictures"]
            if images.done < stop:
                images.write(slice(first, stop), file.array("images"), stop)
            if texts.done < of["captions"][1]:
                rows = np.asarray(file.array("rows"))
                texts.write(rows, file.array("texts"), of["captions"][1])
            self.store.report("parts joined", part, self.parts)

    def _read(self, part: int) -> PartFile:
        return read_part(self._file(part), self._inputs(part), part, self.parts)

    def _inputs(self, part: int) -> dict[str, Any]:
        """All that a part depends on. Devices round differently, so parts of several do not mix."""
        pictures = self._share(len(self.dataset), block_inputs.PICTURES, part)
        captions = self._share(self._captions, extraction.CAPTIONS, part)
        return {
            **self._identity,
            "device": self.store.device.type,
            "pictures": pictures,
            "captions": captions,
        }

    def _share(self, count: int, batch: int, part: int) -> list[int]:
        """First and last + 1 of what a part holds of `count`, whole batches."""
        batches = -(-count // batch)
        ends = (batches * number // self.parts * batch for number in (part - 1, part))
        return [min(end, count) for end in ends]

    @functools.cached_property
    def _captions(self) -> int:
        return sum(map(len, self.dataset.captions))

    def _place(self, part: int) -> str:
        return f"part-{part:0{len(str(self.parts))}}-of-{self.parts}"

    def _file(self, part: int) -> Path:
        return self.folder / self._place(part)
