"""The entries of the feature cache, as folders: listed and removed without loading anything."""

from __future__ import annotations

import shutil
from pathlib import Path

from hashbench.errors import UnknownNameError

DESCRIPTION = "entry.json"
"""The file that is written last into an entry; a folder without it is none."""


def entries(root: Path) -> list[tuple[str, int]]:
    """(name, bytes) of every whole entry below `root`, by name."""
    if not root.is_dir():
        return []
    folders = sorted(path for path in root.iterdir() if (path / DESCRIPTION).is_file())
    return [(f.name, sum(file.stat().st_size for file in f.iterdir())) for f in folders]


def remove(root: Path, names: list[str]) -> int:
    """Removes entries and returns the bytes freed; removes none if one is unknown.

    Raises UnknownNameError.
    """
    sizes = dict(entries(root))
    for name in names:
        if name not in sizes:
            raise UnknownNameError("cache entry", name, sizes, where=root)
    for name in names:
        shutil.rmtree(root / name)
        (root / f".{name}.lock").unlink(missing_ok=True)
    return sum(sizes[name] for name in names)
