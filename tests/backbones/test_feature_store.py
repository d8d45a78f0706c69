"""The feature cache: broken pictures, killed extractions, half precision."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from hashbench.backbones import (
    block_inputs,
    cache_entries,
    cache_writer,
    disk_estimate,
    extraction,
    picturebook_clip,
)
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.feature_store import Features, FeatureStore, Report
from hashbench.backbones.pretrained_config import TowerShape
from hashbench.backbones.registry import BackboneSource
from hashbench.datasets import custom
from hashbench.datasets.base import Dataset
from hashbench.datasets.splits import own_split, without
from hashbench.errors import BusyError, DamagedFileError, InputError
from hashbench.files import locks

ITEMS, BATCH = 20, 8
TORN, BOMB = 3, 11


def small_batches(setattr_: Callable[[Any, str, int], None]) -> None:
    setattr_(extraction, "CAPTIONS", BATCH)
    setattr_(block_inputs, "PICTURES", BATCH)
    setattr_(block_inputs, "CAPTIONS", BATCH)


class KilledError(Exception):
    """Stands for the end of a process."""


@dataclass
class Log:
    """What was reported, and when to be killed."""

    last: int = -1
    calls: list[tuple[str, int, int]] = field(default_factory=list)

    def __call__(self, what: str, done: int, total: int) -> None:
        self.calls.append((what, done, total))
        if len(self.calls) == self.last:
            raise KilledError


@pytest.fixture(scope="module")
def backbone() -> ClipBackbone:
    return ClipBackbone(picturebook_clip.untrained(0), torch.device("cpu"))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch.setattr)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures a person brought; one of them was cut on its way."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    lines = ["file,caption,caption2,labels"]
    for item in range(ITEMS):
        pixels = rng.integers(0, 255, (70, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{item:02}.jpg")
        lines.append(f"{item:02}.jpg,{'word ' * (item % 5)}one,two,{'a' if item % 2 else 'b'}")
    (tmp_path / "table.csv").write_text("\n".join(lines))
    return tmp_path


def spoil(folder: Path) -> None:
    path = folder / "pictures" / f"{TORN:02}.jpg"
    path.write_bytes(path.read_bytes()[:400])
    (folder / "pictures" / f"{BOMB:02}.jpg").write_bytes(bomb(50_000))


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that claims side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def read(folder: Path) -> Dataset:
    return custom.read_pictures("mine", folder / "table.csv", folder / "pictures")


def features_of(
    folder: Path,
    backbone: ClipBackbone,
    report: Report,
    *,
    cache: str = "cache",
    skip: bool = False,
    precision: str = "fp32",
) -> Features:
    return store_of(folder, backbone, report, cache, precision, skip=skip).dataset(read(folder))


def store_of(
    folder: Path,
    backbone: ClipBackbone,
    report: Report,
    cache: str = "cache",
    precision: str = "fp32",
    *,
    skip: bool = False,
) -> FeatureStore:
    source = SimpleNamespace(
        name="small",
        weights_hash="0",
        key="small-0",
        precision=precision,
        encoding_of=lambda _: {"transform": "shortest"},
        fitted_encoders="",
        config=SimpleNamespace(shape=TowerShape(128, 77, 65, 128, 128)),
        load=lambda _: backbone,
    )
    device = torch.device("cpu")
    root = folder / cache
    return FeatureStore(root, cast("BackboneSource", source), device, report, skip_broken=skip)


def contents(folder: Path, cache: str = "cache") -> list[dict[str, bytes]]:
    """The bytes of all files of each entry."""
    entries = cache_entries.entries(folder / cache)
    assert all(entry.finished for entry in entries)
    return [
        {path.name: path.read_bytes() for path in (folder / cache / entry.name).iterdir()}
        for entry in entries
    ]


def content(folder: Path, cache: str = "cache") -> dict[str, bytes]:
    """The bytes of all files of the only entry."""
    (entry,) = contents(folder, cache)
    return entry


def test_a_broken_picture_stops_by_default(folder: Path, backbone: ClipBackbone) -> None:
    spoil(folder)
    with pytest.raises(DamagedFileError, match="cannot be read") as caught:
        features_of(folder, backbone, Log())
    assert f"{TORN:02}.jpg" in str(caught.value.where)
    assert "--on-bad-image skip" in str(caught.value.remedy)


def test_broken_pictures_are_skipped(folder: Path, backbone: ClipBackbone) -> None:
    whole = features_of(folder, backbone, Log(), cache="whole")
    spoil(folder)
    log = Log()
    features = features_of(folder, backbone, log, skip=True)
    assert [broken.item for broken in features.broken] == [TORN, BOMB]
    assert [broken.id for broken in features.broken] == ["03", "11"]
    assert "too large" in features.broken[1].problem
    others = np.setdiff1d(np.arange(ITEMS), [TORN, BOMB])
    np.testing.assert_array_equal(features.images[others], whole.images[others])
    np.testing.assert_array_equal(features.texts, whole.texts)
    again = features_of(folder, backbone, Log(last=1), skip=True)  # nothing is computed
    assert again.broken == features.broken
    with pytest.raises(DamagedFileError, match="2 such pictures"):
        features_of(folder, backbone, Log())


def test_a_stopped_extraction_goes_on_with_skipping(folder: Path, backbone: ClipBackbone) -> None:
    spoil(folder)
    path = folder / "pictures" / f"{TORN:02}.jpg"
    torn = path.read_bytes()
    Image.new("RGB", (9, 9)).save(path)
    path.write_bytes(path.read_bytes().ljust(len(torn), b"\0"))
    with pytest.raises(DamagedFileError):  # by the bomb, in the second batch
        features_of(folder, backbone, Log())
    log = Log()
    features = features_of(folder, backbone, log, skip=True)
    assert log.calls[0] == ("image features", 2 * BATCH, ITEMS)
    assert [broken.item for broken in features.broken] == [BOMB]


def test_the_split_without_them_leaves_the_others_where_they_are(folder: Path) -> None:
    dataset = read(folder)
    split = own_split(dataset, 4, 10, seed=0)
    gone = [int(split.query[0]), int(split.train_fit[0])]
    left = without(split, dataset.ids, gone)
    for part in ("query", "database", "train_fit", "validation"):
        assert set(getattr(left, part)) == set(getattr(split, part)) - set(gone)
    assert left.hash != split.hash
    assert without(split, dataset.ids, []) is split
    with pytest.raises(InputError, match="no item of the part query"):
        without(split, dataset.ids, split.query.tolist())


Extract = Callable[[Path, ClipBackbone, Log, str], Any]


def pooled(folder: Path, backbone: ClipBackbone, log: Log, cache: str) -> Any:
    features_of(folder, backbone, log, cache=cache, skip=True)


KEPT = np.array([1, 3, 4, 9, 16, 17], np.int64)


def tokens(folder: Path, backbone: ClipBackbone, log: Log, cache: str) -> Any:
    store_of(folder, backbone, log, cache, skip=True).with_blocks(read(folder), 1, KEPT)


@pytest.mark.parametrize(("extract", "calls"), [(pooled, 8), (tokens, 8 + 2)])
def test_a_killed_extraction_resumes_and_gives_the_same_bytes(
    folder: Path,
    backbone: ClipBackbone,
    extract: Extract,
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    spoil(folder)
    whole = Log()
    extract(folder, backbone, whole, "whole")
    # 20 pictures and 40 captions by eights, and the 12 captions of what is kept
    assert len(whole.calls) == calls
    for last in range(1, calls, 2):  # among the pictures, after them, among the captions
        cache = f"killed-{last}"
        with pytest.raises(KilledError):
            extract(folder, backbone, Log(last), cache)
        assert not any(entry.finished for entry in cache_entries.entries(folder / cache))
        log = Log()
        extract(folder, backbone, log, cache)
        assert log.calls == whole.calls[last:]
        assert contents(folder, cache) == contents(folder, "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_feature_store as test
test.small_batches(setattr)
calls = []
def report(what, done, total):
    calls.append(what)
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
backbone = test.ClipBackbone(test.picturebook_clip.untrained(0), test.torch.device("cpu"))
test.features_of(Path(sys.argv[1]), backbone, report)
"""


def test_a_process_that_is_killed_leaves_what_it_has_done(
    folder: Path, backbone: ClipBackbone
) -> None:
    last = 2
    features_of(folder, backbone, Log(), cache="whole")
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, str(folder), here, str(last)]
    assert subprocess.run(command, check=False).returncode == -9
    log = Log()
    features_of(folder, backbone, log)
    assert len(log.calls) == 8 - last
    assert content(folder) == content(folder, "whole")


@pytest.mark.parametrize("record", ["{", '{"identity":{"items":1}}'])
def test_a_record_of_something_else_begins_anew(
    folder: Path, backbone: ClipBackbone, record: str
) -> None:
    features_of(folder, backbone, Log(), cache="whole")
    with pytest.raises(KilledError):
        features_of(folder, backbone, Log(4))
    (left,) = (folder / "cache").glob(".*.building")
    (left / cache_entries.PROGRESS).write_text(record)
    log = Log()
    features_of(folder, backbone, log)
    assert len(log.calls) == 8
    assert content(folder) == content(folder, "whole")


def test_an_array_that_was_cut_is_reported(folder: Path, backbone: ClipBackbone) -> None:
    with pytest.raises(KilledError):
        features_of(folder, backbone, Log(1))
    (images,) = (folder / "cache").glob(".*.building/images.npy")
    images.write_bytes(images.read_bytes()[:200])
    with pytest.raises(DamagedFileError, match="cannot be read") as caught:
        features_of(folder, backbone, Log())
    assert caught.value.where == str(images)


def test_half_precision(folder: Path, backbone: ClipBackbone) -> None:
    full = features_of(folder, backbone, Log())
    half = features_of(folder, backbone, Log(), precision="fp16")
    assert half.key != full.key
    for name in ("images", "texts"):
        stored = getattr(half, name)
        assert stored.dtype == np.float16
        np.testing.assert_array_equal(stored, getattr(full, name).astype(np.float16))
    sizes = {entry.name: entry.bytes for entry in cache_entries.entries(folder / "cache")}
    assert sizes[half.key] < 0.6 * sizes[full.key]


def test_features_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    writer = cache_writer.EntryWriter(tmp_path / "some", {"a": 1})
    wide = np.array([[1e6]], np.float32)
    with pytest.raises(InputError, match="half precision") as caught:
        writer.array("images", 1, np.float16).write(slice(0, 1), wide, 1)
    assert "--feature-precision fp32" in str(caught.value.remedy)


def test_unfinished_entries_are_listed_and_removed(folder: Path, backbone: ClipBackbone) -> None:
    with pytest.raises(KilledError):
        features_of(folder, backbone, Log(2))
    root = folder / "cache"
    (left,) = cache_entries.entries(root)
    assert not left.finished
    with locks.held(cache_entries.lock_file(root, left.name)), pytest.raises(BusyError):
        cache_entries.remove(root, [left.name])
    assert cache_entries.remove(root, [left.name]) == left.bytes > 0
    assert list(root.iterdir()) == []


def test_the_description_names_what_is_broken(folder: Path, backbone: ClipBackbone) -> None:
    spoil(folder)
    features_of(folder, backbone, Log(), skip=True)
    description = json.loads(content(folder)[cache_entries.DESCRIPTION])
    assert [broken["id"] for broken in description["broken"]] == ["03", "11"]
    assert description["items"] == ITEMS
