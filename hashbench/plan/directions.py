"""Retrieval directions: which modality asks, and which one is ranked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hashbench.errors import UnknownNameError

IMAGE, TEXT, FUSED = "image", "text", "mm"
MODALITIES = (IMAGE, TEXT, FUSED)


@dataclass(frozen=True)
class Direction:
    """`query` is the modality of the queries, `database` that of the ranked items."""

    name: str
    title: str
    query: str
    database: str


DIRECTIONS: dict[str, Direction] = {
    direction.name: direction
    for direction in (
        Direction("i2t", "image to text", IMAGE, TEXT),
        Direction("t2i", "text to image", TEXT, IMAGE),
        Direction("i2i", "image to image", IMAGE, IMAGE),
        Direction("t2t", "text to text", TEXT, TEXT),
        Direction("mm", "fused image and text", FUSED, FUSED),
    )
}
CROSS_MODAL = ("i2t", "t2i")
REPORTED = (*CROSS_MODAL, "mm")
"""The directions that papers report, and that are scored unless others are asked for."""


def find_direction(name: str, *, where: object = None) -> Direction:
    """The direction of that name. Raises UnknownNameError with the nearest one."""
    if name not in DIRECTIONS:
        raise UnknownNameError("direction", name, DIRECTIONS, where=where)
    return DIRECTIONS[name]


def directions_of(modalities: Collection[str]) -> list[str]:
    """The directions for which there are codes of both modalities."""
    return [
        one.name
        for one in DIRECTIONS.values()
        if one.query in modalities and one.database in modalities
    ]
