"""Queries that are in no dataset: a caption that was written, a picture of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hashbench.plan.directions import IMAGE, TEXT, find_direction

CAPTION, PICTURE = "caption", "picture"


@dataclass(frozen=True)
class OwnQuery:
    """A caption, or the path of a picture, as `kind` says."""

    kind: str
    text: str

    @property
    def question(self) -> dict[str, str]:
        """What the retrieval server is asked."""
        if self.kind == CAPTION:
            return {"ask": "typed", "caption": self.text}
        return {"ask": "picture query", "file": self.text}

    @property
    def words(self) -> str:
        """For the summary."""
        if self.kind == CAPTION:
            return f"written: {self.text!r}"
        return f"picture of yours: {self.text}"


def directions_for(own: OwnQuery | None, available: Sequence[str]) -> list[str]:
    """The directions that a query allows: a caption is a text, a picture an image; a fused code can
    be made of either.
    """
    if own is None:
        return list(available)
    modality = TEXT if own.kind == CAPTION else IMAGE
    return [name for name in available if find_direction(name).query == modality] or list(available)


def hit_count(answer: dict[str, Any], database: int, own: OwnQuery | None) -> str:
    """How good a ranking is, as far as it can be told."""
    if answer["relevant"] is None:
        what = "a query" if own is None else f"a {own.kind}"
        return f"{what} of your own has no labels, so nothing is a hit or a miss"
    hits = sum(entry["hit"] for entry in answer["results"])
    shown = len(answer["results"])
    return f"{hits} hits in the first {shown}; {answer['relevant']:,} of {database:,} are relevant"
