"""Where files go that nobody named a place for."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_root(data_dir: Path) -> Path:
    """Where cached features are: HASHBENCH_CACHE, or `cache` in the data folder.

    A data folder that is write-protected, also against root by its mode alone, is somebody's
    archive: its features go to the user's cache folder.
    """
    if chosen := os.environ.get("HASHBENCH_CACHE"):
        return Path(chosen)
    if not data_dir.is_dir() or (data_dir.stat().st_mode & 0o222 and os.access(data_dir, os.W_OK)):
        return data_dir / "cache"
    return platformdirs.user_cache_path("hashbench")
