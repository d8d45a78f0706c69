"""Photographs for tests, and the mark of tests that need the packaged weights: they are skipped
where the extra `photo` is not installed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.backbones.tower_pairs import LITE0, MINILM
from hashbench.errors import InputError


def _installed() -> bool:
    try:
        return LITE0.path.is_file() and MINILM.path.is_file()
    except InputError:
        return False


needs_photo = pytest.mark.skipif(not _installed(), reason="needs the extra `photo`")


def photographs(shared: Path, folder: Path, count: int) -> Path:
    """A data folder with the first photographs of MIRFlickr-25K, as links, and what is said of
    them.
    """
    official, root = shared / "mirflickr25k", folder / "mirflickr25k"
    (root / "meta" / "tags").mkdir(parents=True)
    (root / "annotations").mkdir()
    numbers = sorted(int(path.stem[2:]) for path in official.glob("im*.jpg"))[:count]
    for number in numbers:
        for part in (f"im{number}.jpg", f"meta/tags/tags{number}.txt"):
            (root / part).symlink_to(official / part)
    for listed in (official / "annotations").iterdir():
        lines = [line for line in listed.read_text().split() if int(line) in numbers]
        (root / "annotations" / listed.name).write_text("\n".join([*lines, ""]))
    return folder
