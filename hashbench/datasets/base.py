"""The face of a dataset: items with captions and labels, and a picture on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashbench.errors import InputError
from hashbench.plan.card import Value

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Dataset:
    """N items.

    `ids` are unique strings (N); `labels` is (N, C) bool; `captions[i]` holds item i's captions,
    at least one, the first of which is used wherever a choice would make scores differ;
    `pictures.read(i)` is item i as an RGB image. `fingerprint` changes whenever any of them does.
    `roles`, where given, fixes which items may be queries (`query`) and training items (`train`).
    `notes` are sentences for the person, such as how many items were left out and why.
    `features` are precomputed (N, d1) image and (N, d2) text features, for sets that ship those
    instead of pictures and captions; then `pictures` has none, and each caption is empty.
    """

    name: str
    ids: Sequence[str]
    labels: BoolArray
    captions: Sequence[tuple[str, ...]]
    class_names: tuple[str, ...]
    pictures: Pictures
    fingerprint: str
    roles: Mapping[str, IntArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    features: tuple[FloatArray, FloatArray] | None = None

    def __post_init__(self) -> None:
        sizes = {"labels": len(self.labels), "captions": len(self.captions)}
        if self.features is not None:
            sizes |= {
                "image features": len(self.features[0]),
                "text features": len(self.features[1]),
            }
        for part, size in sizes.items():
            if size != len(self.ids):
                raise InputError(
                    f"{len(self.ids)} items but {size} rows of {part}", where=self.name
                )
        if self.labels.ndim != 2 or self.labels.shape[1] != len(self.class_names):
            raise InputError(
                f"labels of shape {self.labels.shape} do not fit {len(self.class_names)} classes",
                where=self.name,
            )

    def __len__(self) -> int:
        return len(self.ids)


class Pictures(Protocol):
    """Where the pictures come from; must be picklable, so that worker processes can read."""

    def read(self, index: int) -> Image.Image:
        """Item `index` as an RGB image. Raises DamagedFileError naming the file."""
        ...


class Loader(Protocol):
    """What a dataset card's `entry` leads to."""

    def __call__(self, data_dir: Path, params: Mapping[str, Value]) -> Dataset:
        """Reads the dataset below `data_dir`. Raises InputError where files are missing."""
        ...
