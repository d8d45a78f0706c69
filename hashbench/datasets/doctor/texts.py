"""Checks of captions: empty ones, and those that CLIP would cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hashbench.datasets.base import Dataset
from hashbench.datasets.doctor.findings import Finding, Level
from hashbench.datasets.statistics import TOKEN_LIMIT, TokenCounter
from hashbench.plan.card import DatasetCard


def check_texts(
    dataset: Dataset, card: DatasetCard | None, count_tokens: TokenCounter | None
) -> Iterator[Finding]:
    """All findings about the captions; without `count_tokens` their lengths are not looked at."""
    if dataset.features is not None:
        widths = " and ".join(str(part.shape[1]) for part in dataset.features)
        yield Finding(
            "captions",
            Level.NOTE,
            f"precomputed features ({widths} numbers an image and a text), no captions: methods"
            " that need a text encoder cannot run on them",
        )
        return
    empty = sum(not any(texts) for texts in dataset.captions)
    if empty:
        preset = card.without_empty_captions.get(dataset.name) if card is not None else None
        yield Finding(
            "captions",
            Level.WARNING,
            f"{empty:,} of {len(dataset):,} items have an empty caption: their text codes are all"
            " the same",
            f"--dataset {preset} leaves them out"
            if preset
            else "write captions for them, or leave them out",
            {"empty": empty},
        )
    else:
        count = sum(map(len, dataset.captions))
        yield Finding(
            "captions", Level.OK, f"{count:,} captions, {count / len(dataset):.1f} an item"
        )
    if count_tokens is None:
        return
    tokens = np.asarray(count_tokens([texts[0] for texts in dataset.captions]))
    cut = int((tokens > TOKEN_LIMIT).sum())
    yield Finding(
        "tokens",
        Level.NOTE if cut else Level.OK,
        f"{cut:,} of {len(dataset):,} first captions have more than {TOKEN_LIMIT} tokens and are"
        f" cut; the longest has {int(tokens.max()):,}",
        facts={"cut": cut, "longest": int(tokens.max())},
    )
