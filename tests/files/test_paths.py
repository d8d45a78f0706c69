"""Cached features go where they may."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.files.paths import cache_root


def test_a_data_folder_holds_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHBENCH_CACHE", raising=False)
    assert cache_root(tmp_path) == tmp_path / "cache"
    assert cache_root(tmp_path / "not yet") == tmp_path / "not yet" / "cache"


def test_a_write_protected_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    (tmp_path / "archive").mkdir(mode=0o555)
    assert cache_root(tmp_path / "archive") == Path("/somewhere/hashbench")
    monkeypatch.setenv("HASHBENCH_CACHE", "/asked/for")
    assert cache_root(tmp_path / "archive") == Path("/asked/for")
