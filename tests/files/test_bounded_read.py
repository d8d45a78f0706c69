"""Files that may be anything are opened only where they are ordinary, and read only where small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashbench.errors import DamagedFileError
from hashbench.files.bounded_read import open_ordinary, read_bounded


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5, "a note") == b"12345"
    with pytest.raises(DamagedFileError, match="too large to be a note: more than 4 bytes"):
        read_bounded(path, 4, "a note")


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 42)  # reading half of its bound would take all memory
    with pytest.raises(DamagedFileError, match="too large"):
        read_bounded(path, 1 << 41, "a note")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "link", "zero"):
        with pytest.raises(DamagedFileError, match="not an ordinary file"):
            open_ordinary(tmp_path / name)
