"""Cached features go where they may."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashbench.files.paths import cache_note, cache_root, is_writable


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HASHBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hashbench"


@pytest.fixture
def mounted_read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with open mode bits on a disk that is mounted read-only."""
    source, target = tmp_path / "source", tmp_path / "mounted"
    source.mkdir()
    target.mkdir()
    mount = shutil.which("mount") or "mount"
    bound = subprocess.run([mount, "--bind", source, target], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("this user may not mount a folder")
    try:
        subprocess.run([mount, "-o", "remount,ro,bind", target], check=True)
        yield target
    finally:
        subprocess.run([shutil.which("umount") or "umount", target], check=True)


def test_a_data_folder_holds_its_cache(tmp_path: Path) -> None:
    assert cache_root(tmp_path) == tmp_path / "cache"
    assert cache_root(tmp_path / "not" / "yet") == tmp_path / "not" / "yet" / "cache"
    assert cache_note(tmp_path) is None
    assert list(tmp_path.iterdir()) == []  # trying leaves nothing behind


def test_each_write_protected_folder_has_a_cache_of_its_own(
    tmp_path: Path, user_cache: Path
) -> None:
    roots = set()
    for parent in ("a", "b"):
        archive = tmp_path / parent / "archive"
        archive.parent.mkdir()
        archive.mkdir(mode=0o555)
        root = cache_root(archive)
        assert root.parent == user_cache
        assert root.name.startswith("archive-")
        assert str(root) in (cache_note(archive) or "")
        assert f"{archive} is read-only" in (cache_note(archive) or "")
        roots.add(root)
    assert len(roots) == 2


def test_a_cache_inside_that_may_not_be_written_is_not_used(
    tmp_path: Path, user_cache: Path
) -> None:
    (tmp_path / "cache").mkdir(mode=0o555)
    assert cache_root(tmp_path).parent == user_cache


def test_a_read_only_mount_is_noticed_whatever_its_mode(
    mounted_read_only: Path, user_cache: Path
) -> None:
    assert mounted_read_only.stat().st_mode & 0o200
    assert not is_writable(mounted_read_only)
    assert cache_root(mounted_read_only).parent == user_cache


def test_the_shared_cache_of_earlier_versions_still_serves(
    tmp_path: Path, user_cache: Path
) -> None:
    (user_cache / "coco.picturebook-clip.0").mkdir(parents=True)
    (user_cache / "coco.picturebook-clip.0" / "entry.json").touch()
    (tmp_path / "archive").mkdir(mode=0o555)
    assert cache_root(tmp_path / "archive") == user_cache


def test_the_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHBENCH_CACHE", "/asked/for")
    (tmp_path / "archive").mkdir(mode=0o555)
    assert cache_root(tmp_path / "archive") == Path("/asked/for")
    assert cache_note(tmp_path / "archive") is None
