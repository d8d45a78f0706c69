"""Picturebook as a Dataset: scenes 0, 1, 2, ... of one world."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hashbench.datasets.base import Dataset
from hashbench.datasets.picturebook import scenes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL import Image

    from hashbench.plan.card import Value


@dataclass(frozen=True)
class ScenePictures:
    """Item i is scene i of the world, drawn when it is read; all are `size`, (height, width)."""

    world: int
    size: ClassVar[tuple[int, int]] = (64, 64)

    def read(self, index: int) -> Image.Image:
        """Item `index` as an RGB image of 64 x 64 pixels."""
        return scenes.image(self.world, index)


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:  # noqa: ARG001 - reads no file
    """`items` scenes of the `world`; reads nothing from the data folder."""
    items, world = int(params["items"]), int(params["world"])
    described = [scenes.labels_and_captions(world, index) for index in range(items)]
    identity = f"picturebook {scenes.GENERATOR_VERSION} {world} {items}"
    return Dataset(
        name="picturebook",
        ids=tuple(f"scene-{index:06d}" for index in range(items)),
        labels=np.stack([labels for labels, _ in described]),
        captions=tuple(captions for _, captions in described),
        class_names=scenes.CLASS_NAMES,
        pictures=ScenePictures(world),
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:16],
    )
