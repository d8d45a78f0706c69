"""Reading a dataset's pictures for the vision tower: many at once, a batch ahead of their use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from hashbench.backbones.augmentation import View
from hashbench.backbones.cache_writer import BrokenPicture
from hashbench.datasets.base import Dataset, IntArray
from hashbench.errors import DamagedFileError

if TYPE_CHECKING:
    from hashbench.backbones.clip import FloatArray
    from hashbench.backbones.encoders import Encoders

READERS = min(16, max(4, os.cpu_count() or 1))
"""Threads that decode pictures."""


class PictureReader:
    """The pictures of a dataset as pixels for a backbone.

    Where broken pictures are skipped, grey pixels stand for them, and `broken` names them.
    """

    def __init__(self, backbone: Encoders, dataset: Dataset, *, skip_broken: bool) -> None:
        self.broken: dict[int, BrokenPicture] = {}
        self._backbone = backbone
        self._dataset = dataset
        self._skip_broken = skip_broken
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="pictures")

    def batches(
        self, batches: Sequence[IntArray], views: Sequence[Sequence[View]] | None = None
    ) -> Iterator[FloatArray]:
        """(n, 3, height, width) pixels of each batch of items; the next one is read meanwhile.

        `views` are those of each batch that are wanted in place of the pictures as they are.
        Raises DamagedFileError for a picture that cannot be read, unless such are skipped.
        """
        ahead: list[Future[FloatArray]] = []
        wanted: Sequence[Sequence[View] | None] = views or [None] * len(batches)
        asked = list(zip(batches, wanted, strict=True))
        try:
            for number, batch in enumerate(asked):
                reads = ahead or self.request(*batch)
                ahead = [
                    read
                    for following in asked[number + 1 : number + 2]
                    for read in self.request(*following)
                ]
                yield np.stack([read.result() for read in reads])
        finally:
            for read in ahead:
                read.cancel()

    def request(
        self, items: IntArray, views: Sequence[View] | None = None
    ) -> list[Future[FloatArray]]:
        """Begins to read the pictures of items, or a view of each."""
        wanted: Sequence[View | None] = views or [None] * len(items)
        return [
            self._pool.submit(self._read, item, view)
            for item, view in zip(items.tolist(), wanted, strict=True)
        ]

    def close(self) -> None:
        """Ends the threads; pictures that were requested and not begun are not read."""
        self._pool.shutdown(cancel_futures=True)

    def _read(self, item: int, view: View | None) -> FloatArray:
        try:
            return self._backbone.pixels(self._dataset.pictures.read(item), view)
        except DamagedFileError as error:
            broken = BrokenPicture(
                item, self._dataset.ids[item], str(error.where or ""), error.problem
            )
            if not self._skip_broken:
                raise unreadable(broken, broken.problem) from error
            self.broken[item] = broken
            return self._backbone.grey()


def unreadable(broken: BrokenPicture, problem: str) -> DamagedFileError:
    """The error for a broken picture, with what to do about it."""
    return DamagedFileError(
        problem,
        where=broken.file,
        remedy="fetch the file again, or leave out such items: --on-bad-image skip;"
        " `hashbench datasets check` lists all of them",
    )
