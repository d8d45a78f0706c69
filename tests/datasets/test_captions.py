"""Noisy captions: exact shares of words, independent draws, and only what is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.backbones.registry import BackboneSource
from hashbench.datasets.captions import corrupted_captions
from hashbench.engine.build import prepare
from hashbench.engine.data import training_captions
from hashbench.errors import InputError
from hashbench.plan.request import Request, expand
from hashbench.report.rows import label_text

WORD = st.text("abcdefgh", min_size=1, max_size=3)
CAPTION = st.lists(WORD, max_size=6).map(" ".join)
CAPTIONS = st.lists(st.lists(CAPTION, min_size=1, max_size=3).map(tuple), max_size=8)
SHARES = st.sampled_from([0.0, 0.1, 0.5, 1.0])


def words_of(captions: list[tuple[str, ...]]) -> list[str]:
    return [word for item in captions for caption in item for word in caption.split()]


@settings(max_examples=60, deadline=None)
@given(CAPTIONS, SHARES, SHARES, st.integers(0, 99))
def test_exactly_the_asked_shares_of_words_are_dropped_and_exchanged(
    captions: list[tuple[str, ...]], noise: float, drop: float, seed: int
) -> None:
    # every word is made unlike the others, so that it can be followed
    numbers = iter(range(10_000))
    unique = [
        tuple(" ".join(f"{word}{next(numbers)}" for word in caption.split()) for caption in item)
        for item in captions
    ]
    result = corrupted_captions(unique, noise, drop, seed)
    assert [len(item) for item in result] == [len(item) for item in unique]
    before, after = words_of(unique), words_of(result)
    kept = len(before) - int(len(before) * drop + 1e-9)
    assert len(after) == kept
    assert set(after) <= set(before)
    # what is at its place is untouched: by chance a word may be exchanged for itself
    dropped = words_of(corrupted_captions(unique, 0.0, drop, seed))
    changed = sum(a != b for a, b in zip(after, dropped, strict=True))
    assert changed <= int(kept * noise + 1e-9)
    assert corrupted_captions(unique, noise, drop, seed) == result
    assert corrupted_captions(unique, 0.0, 0.0, seed) == [
        tuple(" ".join(caption.split()) for caption in item) for item in unique
    ]


def test_noise_draws_words_of_other_captions() -> None:
    captions = [(" ".join(f"w{i}x{j}" for j in range(100)),) for i in range(10)]
    (before, after) = (words_of(c) for c in (captions, corrupted_captions(captions, 0.5, 0.0, 0)))
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert 490 <= len(changed) <= 500
    assert {b for _, b in changed} <= set(before)


def test_seeds_and_the_two_draws_are_independent() -> None:
    captions = [(" ".join(f"w{i}x{j}" for j in range(20)),) for i in range(10)]
    assert corrupted_captions(captions, 0.5, 0.0, 0) != corrupted_captions(captions, 0.5, 0.0, 1)
    thin = corrupted_captions(captions, 0.0, 0.3, 0)
    both = corrupted_captions(captions, 0.5, 0.3, 0)
    assert [len(a.split()) for (a,) in thin] == [len(b.split()) for (b,) in both]


def spec_of(**request: Any) -> Any:
    return expand(Request(dataset=["picturebook-tiny"], **request))[0]


def test_training_reads_noisy_captions_of_the_fitted_items_alone() -> None:
    dataset: Any = SimpleNamespace(
        features=None, captions=[("one two three four",), ("five six",), ("seven",)]
    )
    split: Any = SimpleNamespace(train_fit=np.array([0, 1]))
    clean = training_captions(spec_of(), dataset, split)
    assert clean == {0: ("one two three four",), 1: ("five six",)}
    noisy = training_captions(spec_of(caption_drop=0.5), dataset, split)
    assert noisy.keys() == {0, 1}
    assert len(" ".join(noisy[0] + noisy[1]).split()) == 3
    dataset.features = (np.ones((3, 2)), np.ones((3, 2)))
    dataset.name = "numbers"
    with pytest.raises(InputError, match="caption noise cannot work on numbers"):
        training_captions(spec_of(caption_drop=0.5), dataset, split)


def test_a_vocabulary_is_fitted_on_the_captions_that_training_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FittedError(Exception):
        pass

    def keep(source: BackboneSource, captions: Iterable[str]) -> BackboneSource:
        raise FittedError(list(captions))

    monkeypatch.setattr(BackboneSource, "with_words", keep)
    counts = {}
    for drop in (0.0, 0.5):
        spec = spec_of(caption_drop=drop)
        with pytest.raises(FittedError) as fitted:
            prepare(spec, tmp_path, tmp_path / "labels.npz", torch.device("cpu"))
        counts[drop] = len(" ".join(fitted.value.args[0]).split())
    assert counts[0.5] == pytest.approx(counts[0.0] / 2, abs=1)


def test_the_options_are_checked_named_and_hashed() -> None:
    spec = spec_of(caption_noise=0.2, caption_drop=0.1)
    assert label_text(spec) == "caption noise 0.2 caption drop 0.1"
    hashes = {spec.hash, spec_of(caption_noise=0.2).hash, spec_of().hash}
    assert len(hashes) == 3
    for key in ("caption_noise", "caption_drop"):
        with pytest.raises(InputError, match="--caption-") as caught:
            spec_of(**{key: 1.5})
        assert caught.value.exit_code == 2
