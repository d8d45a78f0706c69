"""The splits of published methods, by name: how their released code draws them.

Which of them a dataset has, and with which sizes, its card declares (`DatasetCard.splits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from types import MappingProxyType

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.card import DatasetCard, DrawingRule, ReleasedSplit, SplitSizes

OWN = "own"
FILE_SUFFIX = ".json"

RULES: Mapping[str, DrawingRule] = MappingProxyType(
    {
        "prompthash": DrawingRule("PromptHash (CVPR 2025): seed 1814, queries first", 1814),
        "pghmh": DrawingRule(
            "PGHMH: as prompthash, NUS-WIDE with 2,000 queries and 10,000 training items", 1814
        ),
        "dcmht": DrawingRule(
            "DCMHT (MM 2022): seed 1814, 5,120 queries, 10,240 training items", 1814
        ),
        "dsph": DrawingRule(
            "DSPH (TCSVT 2023): seed 1814, 5,000 queries, 10,000 training items", 1814
        ),
        "mith": DrawingRule("MITH (MM 2023): seed 1, queries first", 1),
        "pcril": DrawingRule(
            "PCRIL (NeurIPS 2024): seed 0, second permutation, queries last; for the 20,015 items"
            " of MIRFlickr-25K the whole database is trained on",
            0,
            discarded=1,
            queries_last=True,
        ),
        "torchcmh": DrawingRule("torchcmh: seed 8, queries first", 8),
    }
)
"""The rules that every dataset may be split by. A card may declare splits with their own rule."""


def check(split: str, *, where: object = None) -> None:
    """Raises UnknownNameError unless `split` is a name or looks like a file."""
    if split in (OWN, *RULES) or is_file(split):
        return
    declared = (entry.name for card in catalog.datasets().values() for entry in card.splits)
    names = list(dict.fromkeys((OWN, *RULES, *declared)))
    if split not in names:
        raise UnknownNameError("split", split, [*names, f"FILE{FILE_SUFFIX}"], where=where)


def is_file(split: str) -> bool:
    """Whether `split` is a split file rather than a name."""
    return PurePath(split).suffix == FILE_SUFFIX


def declared(split: str, card: DatasetCard, dataset: str) -> ReleasedSplit | None:
    """The released split that a card declares for `dataset`, one of its names, or None."""
    entries = [entry for entry in card.splits if entry.name == split]
    for_preset = [entry for entry in entries if dataset in entry.presets]
    return next(iter(for_preset or [entry for entry in entries if not entry.presets]), None)


def sizes(split: str, card: DatasetCard, dataset: str) -> SplitSizes:
    """The sizes of a split on a dataset, or the dataset's own where the release has none.

    Raises UnknownNameError for a name that is none, InputError for a split of other datasets alone.
    """
    check(split, where="--split")
    entry = declared(split, card, dataset)
    if entry is None and split not in (OWN, *RULES) and not is_file(split):
        known = [OWN, *RULES, *(entry.name for entry in card.splits if entry.name not in RULES)]
        raise InputError(
            f"{dataset} has no split {split}", where="--split", remedy=f"valid: {', '.join(known)}"
        )
    return card.sizes[dataset] if entry is None or entry.sizes is None else entry.sizes
