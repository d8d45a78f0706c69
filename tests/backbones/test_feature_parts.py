"""Features by parts: the bytes of the whole build, made in any order, refused if harmed."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from hashbench.backbones import cache_entries
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.feature_parts import FeatureParts
from hashbench.backbones.feature_store import Report
from hashbench.errors import BusyError, DamagedFileError, InputError
from hashbench.files import locks
from tests.backbones.test_feature_store import (  # noqa: F401  # fixtures
    BATCH,
    BOMB,
    ITEMS,
    TORN,
    KilledError,
    Log,
    _small_batches,
    backbone,
    content,
    features_of,
    folder,
    read,
    spoil,
    store_of,
)

PARTS = 3  # of 3 batches of pictures and 5 of captions


def parts_of(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
    report: Report | None = None,
    *,
    parts: int = PARTS,
    skip: bool = True,
) -> FeatureParts:
    store = store_of(folder, backbone, report or Log(), skip=skip)
    return FeatureParts(store, read(folder), parts)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_parts_join_into_the_bytes_of_the_whole(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
    order: tuple[int, ...],
) -> None:
    spoil(folder)
    features_of(folder, backbone, Log(), cache="whole", skip=True)
    for done, part in enumerate(order):
        parts = parts_of(folder, backbone)
        assert len(parts.missing()) == PARTS - done
        assert parts.make(part)
    (unfinished,) = cache_entries.entries(folder / "cache")
    assert not unfinished.finished
    parts.join()
    assert content(folder) == content(folder, "whole")
    features = features_of(folder, backbone, Log(last=1), skip=True)  # nothing is computed
    assert [broken.item for broken in features.broken] == [TORN, BOMB]
    again = parts_of(folder, backbone, Log(last=1))
    again.make_all()
    assert again.missing() == []
    names = {path.name for path in (folder / "cache").iterdir()}
    assert names <= {features.key, f".{features.key}.lock"}  # no part is left


@pytest.mark.parametrize("parts", [1, 2])
def test_every_number_of_parts(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
    parts: int,
) -> None:
    features_of(folder, backbone, Log(), cache="whole")
    parts_of(folder, backbone, parts=parts).make_all()
    assert content(folder) == content(folder, "whole")
    for wrong in (0, ITEMS // BATCH + 2):
        with pytest.raises(InputError, match=f"{wrong} parts of 20 pictures"):
            parts_of(folder, backbone, parts=wrong)


def test_a_killed_part_and_a_killed_join_go_on(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
) -> None:
    features_of(folder, backbone, Log(), cache="whole")
    whole = Log()
    parts_of(folder, backbone, whole).make(2)
    shutil.rmtree(folder / "cache")
    for _ in whole.calls[:-1]:  # each time one batch further
        with pytest.raises(KilledError):
            parts_of(folder, backbone, Log(1)).make(2)
        assert parts_of(folder, backbone).missing() == [1, 2, 3]
        assert len(list((folder / "cache").glob(".*.parts/.*.building"))) == 1
    log = Log()
    parts_of(folder, backbone, log).make(2)
    assert log.calls == whole.calls[len(whole.calls) - 1 :]
    for part in (1, 3):
        parts_of(folder, backbone).make(part)
    with pytest.raises(KilledError):
        parts_of(folder, backbone, Log(1)).join()
    log = Log()
    parts_of(folder, backbone, log).join()
    assert [call[0] for call in log.calls] == ["parts joined"] * PARTS
    assert content(folder) == content(folder, "whole")


def test_a_part_that_cannot_serve_is_refused_and_named(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
) -> None:
    parts = parts_of(folder, backbone)
    for part in (1, 2, 3):
        parts.make(part)
    file = parts.folder / "part-2-of-3"
    whole = file.read_bytes()
    harmed = bytearray(whole)
    harmed[-200] ^= 1
    other = (parts.folder / "part-1-of-3").read_bytes()
    old = whole.replace(b"part 1\n", b"part 7\n", 1)
    for bytes_, words in (
        (bytes(harmed), "part-2-of-3: is damaged: its bytes are not"),
        (whole[:-9], "part-2-of-3: is damaged: has"),
        (other, "part-2-of-3: was computed from other inputs: pictures, captions differ"),
        (old, "part-2-of-3: is of version 7"),
    ):
        file.write_bytes(bytes_)
        for refused in (parts.join, lambda: parts.make(2)):
            with pytest.raises(InputError, match=words):
                refused()
        assert not parts.joined
    file.unlink()
    parts.make_all()
    assert parts.joined


def test_parts_of_two_kinds_of_device_do_not_mix(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts_of(folder, backbone).make(1)
    elsewhere = parts_of(folder, backbone)
    monkeypatch.setattr(elsewhere.store, "device", type("Gpu", (), {"type": "cuda"}))
    with pytest.raises(InputError, match="part-1-of-3: .*other inputs: device differs"):
        elsewhere.make(1)


def test_a_broken_picture_stops_its_part(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
) -> None:
    spoil(folder)
    with pytest.raises(DamagedFileError, match="cannot be read"):
        parts_of(folder, backbone, skip=False).make(1)
    assert parts_of(folder, backbone, skip=False).make(3)


def test_two_builders_share_the_work(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
) -> None:
    features_of(folder, backbone, Log(), cache="whole")
    logs = Log(), Log()
    builders = [threading.Thread(target=parts_of(folder, backbone, log).make_all) for log in logs]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join(120)
    assert content(folder) == content(folder, "whole")
    pictures = [call for log in logs for call in log.calls if call[0] == "image features"]
    assert len(pictures) == -(-ITEMS // BATCH)  # each batch was encoded once


def test_builders_leave_to_others_what_these_do(
    folder: Path,  # noqa: F811
    backbone: ClipBackbone,  # noqa: F811
) -> None:
    parts = parts_of(folder, backbone)
    parts.folder.mkdir(parents=True)
    lock = locks.take(parts.folder / ".part-2-of-3.lock")
    assert lock is not None
    try:
        assert not parts.make(2)
        assert parts.make(1)
    finally:
        lock.close()
    root = folder / "cache"
    with (
        locks.held(cache_entries.lock_file(root, parts.entry.name)),
        pytest.raises(BusyError, match="computes these features as a whole"),
    ):
        parts.make(2)
    (entry,) = cache_entries.entries(root)
    assert cache_entries.remove(root, [entry.name]) == entry.bytes > 0
    assert list(root.iterdir()) == []
    assert np.all(parts.missing() == [1, 2, 3])
