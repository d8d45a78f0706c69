"""The splits of published methods, by name: what their released code draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from types import MappingProxyType

from hashbench.errors import UnknownNameError
from hashbench.plan.card import DatasetCard, SplitSizes

OWN = "own"
FILE_SUFFIX = ".json"


@dataclass(frozen=True)
class FieldSplit:
    """A permutation of all items by numpy's legacy generator, cut into queries and the rest.

    `seed` seeds the generator, `discarded` permutations of all items are drawn before the one that
    counts. The first items are queries and the next ones training items; with `queries_last` the
    last items are queries and the first ones training items. All that are no queries are database.
    `sizes` are those of the release, by dataset name; other datasets have their own default sizes.
    `by_text` names the datasets whose items the release lists in the order of their ids as text.
    """

    name: str
    summary: str
    seed: int
    sizes: Mapping[str, SplitSizes] = field(default_factory=dict)
    discarded: int = 0
    queries_last: bool = False
    by_text: tuple[str, ...] = ()


_FLICKR, _NUS, _COCO = SplitSizes(2000, 10000), SplitSizes(2100, 10500), SplitSizes(5000, 10000)
_FIELD = {"mirflickr25k": _FLICKR, "nuswide": _NUS, "coco": _COCO, "iaprtc12": _FLICKR}
_DCMHT = dict.fromkeys(("mirflickr25k", "nuswide", "coco"), SplitSizes(5120, 10240))
_SORTED = ("mirflickr25k",)

SPLITS: Mapping[str, FieldSplit] = MappingProxyType(
    {
        split.name: split
        for split in (
            FieldSplit(
                "prompthash",
                "PromptHash (CVPR 2025): seed 1814, queries first",
                1814,
                _FIELD,
                by_text=_SORTED,
            ),
            FieldSplit(
                "pghmh",
                "PGHMH: as prompthash, NUS-WIDE with 2,000 queries and 10,000 training items",
                1814,
                _FIELD | {"nuswide": _FLICKR},
                by_text=_SORTED,
            ),
            FieldSplit(
                "dcmht",
                "DCMHT (MM 2022): seed 1814, 5,120 queries, 10,240 training items",
                1814,
                _DCMHT,
                by_text=_SORTED,
            ),
            FieldSplit("mith", "MITH (MM 2023): seed 1, queries first", 1, _FIELD),
            FieldSplit(
                "pcril",
                "PCRIL (NeurIPS 2024): seed 0, second permutation, queries last; for the 20,015"
                " items of MIRFlickr-25K the whole database is trained on",
                0,
                {"mirflickr25k-20015": SplitSizes(2000, 18015)},
                discarded=1,
                queries_last=True,
            ),
            FieldSplit("torchcmh", "torchcmh: seed 8, queries first", 8, {"iaprtc12": _FLICKR}),
        )
    }
)


def check(split: str, *, where: object = None) -> None:
    """Raises UnknownNameError unless `split` is a name or looks like a file."""
    if split not in (OWN, *SPLITS) and not is_file(split):
        names = [OWN, *SPLITS, f"FILE{FILE_SUFFIX}"]
        raise UnknownNameError("split", split, names, where=where)


def is_file(split: str) -> bool:
    """Whether `split` is a split file rather than a name."""
    return PurePath(split).suffix == FILE_SUFFIX


def sizes(split: str, card: DatasetCard, dataset: str) -> SplitSizes:
    """The sizes of a named split on a dataset, or the dataset's own where the release has none."""
    released: Mapping[str, SplitSizes] = SPLITS[split].sizes if split in SPLITS else {}
    return released.get(dataset) or released.get(card.name) or card.sizes[dataset]
