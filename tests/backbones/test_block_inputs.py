"""Block inputs: kept for some items, computed for the others, the same to the last bit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hashbench.backbones import disk_estimate, registry
from hashbench.backbones.block_inputs import KeptRows, caption_batches
from hashbench.backbones.cache_entries import entries
from hashbench.backbones.feature_store import FeatureStore
from hashbench.backbones.pretrained_config import TowerShape
from hashbench.datasets.base import Dataset, IntArray, Pictures
from hashbench.datasets.picturebook.dataset import load
from hashbench.plan.spec import BackboneSpec

ITEMS, LAST = 40, 2
KEPT = np.array([0, 2, 3, 11, 12, 30, 39], np.int64)


@dataclass(frozen=True)
class Counted:
    """Pictures that count how often each is read."""

    pictures: Pictures
    reads: Counter[int] = field(default_factory=Counter)
    size: tuple[int, int] = (64, 64)

    def read(self, index: int) -> Image.Image:
        self.reads[index] += 1
        return self.pictures.read(index)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    scenes = load(tmp_path, {"items": ITEMS, "world": 1})
    captions = [(*texts, "word " * (item * 2)) for item, texts in enumerate(scenes.captions)]
    return replace(scenes, captions=captions, pictures=Counted(scenes.pictures))


def reads(dataset: Dataset) -> Counter[int]:
    assert isinstance(dataset.pictures, Counted)
    return dataset.pictures.reads


def store_in(folder: Path) -> FeatureStore:
    source = registry.resolve(BackboneSpec(), folder)
    return FeatureStore(folder, source, torch.device("cpu"), lambda *_: None)


def test_one_pass_reads_each_picture_once(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    store_in(tmp_path).with_blocks(dataset, LAST, KEPT)
    assert reads(dataset) == Counter(range(ITEMS))
    assert len(entries(tmp_path)) == 2
    store_in(tmp_path).with_blocks(dataset, LAST, KEPT)
    assert reads(dataset).total() == ITEMS


def test_where_features_exist_only_kept_pictures_are_read(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    alone = store_in(tmp_path).dataset(dataset)
    reads(dataset).clear()
    features, late = store_in(tmp_path).with_blocks(dataset, LAST, KEPT)
    assert reads(dataset) == Counter(KEPT.tolist())
    both, at_once = store_in(tmp_path / "other").with_blocks(dataset, LAST, KEPT)
    assert alone.key == features.key == both.key
    for part in ("images", "texts", "offsets"):
        np.testing.assert_array_equal(getattr(alone, part), getattr(both, part))
    for part in ("images", "texts", "starts"):
        files = [np.load(blocks.entry / f"{part}.npy") for blocks in (late, at_once)]
        np.testing.assert_array_equal(*files)


@pytest.mark.parametrize("wanted", [KEPT, np.arange(ITEMS), np.array([5, 2, 39, 4, 0, 21])])
def test_what_is_computed_anew_is_what_would_have_been_kept(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: IntArray
) -> None:
    features, whole = store_in(tmp_path).with_blocks(dataset, LAST, KEPT)
    assert len(whole.items.kept) == ITEMS  # few enough to be kept whole
    assert f".blocks{LAST}." in whole.key
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    _, some = store_in(tmp_path).with_blocks(dataset, LAST, KEPT)
    reads(dataset).clear()
    some.prefetch(wanted)
    np.testing.assert_array_equal(some.images(wanted), whole.images(wanted))
    assert reads(dataset) == Counter(np.setdiff1d(wanted, KEPT).tolist())
    for numbers in (features.offsets[wanted], np.concatenate([features.offsets[wanted]] * 2) + 1):
        for got, expected in zip(some.captions(numbers), whole.captions(numbers), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_rows_of_what_is_kept() -> None:
    assert KeptRows(KEPT).of(np.array([3, 4, 39, 40, 0])).tolist() == [2, -1, 6, -1, 0]
    assert KeptRows(KEPT[:0]).of(np.array([3])).tolist() == [-1]


def test_caption_batches_have_one_rounded_length_and_all_captions() -> None:
    lengths = np.random.default_rng(0).integers(2, 78, 1000)
    batches = caption_batches(lengths)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    assert max(map(len, batches)) == 64
    for batch in batches:
        assert len(set(-(-lengths[batch] // 8))) == 1


def test_the_estimate_is_what_the_entries_take(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    store = store_in(tmp_path)
    _, blocks = store.with_blocks(dataset, LAST, KEPT)
    captions = [len(texts) for texts in dataset.captions]
    estimate = disk_estimate.estimate(
        store.source.config.shape,
        "fp32",
        items=ITEMS,
        captions=sum(captions),
        train_items=len(KEPT),
        train_captions=sum(captions[item] for item in KEPT),
        tunes_blocks=True,
        caption_tokens=float(np.diff(blocks.texts.starts).mean()),
    )
    on_disk = {entry.name: entry.bytes for entry in entries(tmp_path)}
    # headers, offsets and descriptions come on top
    assert 0 < on_disk.pop(blocks.key) - estimate.blocks < 3000
    assert 0 < on_disk.popitem()[1] - estimate.features < 3000
    assert estimate.read_again == ITEMS - len(KEPT)


def test_a_run_of_nus_wide_s_size_fits() -> None:
    vit = TowerShape(dim=512, context=77, image_tokens=197, image_width=768, text_width=512)
    estimate = disk_estimate.estimate(
        vit,
        "fp32",
        items=195_834,
        captions=195_834,
        train_items=10_500,
        train_captions=10_500,
        tunes_blocks=True,
    )
    assert estimate.total < 5e9
    frozen = disk_estimate.estimate(
        vit, "fp16", items=10, captions=30, train_items=5, train_captions=15, tunes_blocks=False
    )
    assert (frozen.total, frozen.read_again) == (40 * 512 * 2, 0)
