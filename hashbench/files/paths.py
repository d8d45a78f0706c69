"""Where cached features go."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "HASHBENCH_CACHE"


def cache_root(data_dir: Path) -> Path:
    """Where what is computed from a data folder is kept: HASHBENCH_CACHE, else `cache` inside it.

    Nothing is written into a data folder that is read-only: such a one has a folder of its own in
    the user's cache. Two data folders never share one, so that each can be listed and removed.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    inside = data_dir / "cache"
    if is_writable(inside):
        return inside
    user_cache = platformdirs.user_cache_path("hashbench")
    # earlier versions kept the entries of all read-only folders together; they still serve, since
    # the name of an entry holds the fingerprint of its dataset
    if any(user_cache.glob("*/entry.json")):
        return user_cache
    absolute = str(data_dir.resolve())
    digest = hashlib.sha256(absolute.encode(errors="surrogatepass")).hexdigest()[:8]
    return user_cache / f"{data_dir.resolve().name}-{digest}"


def cache_note(data_dir: Path) -> str | None:
    """A sentence that names the cache where it lies outside a read-only data folder, else None."""
    root = cache_root(data_dir)
    if os.environ.get(CACHE_VARIABLE) or root == data_dir / "cache":
        return None
    return f"{data_dir} is read-only: what is computed from it is cached in {root}"


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the nearest one above it that exists.

    It is tried: for root the mode bits mean nothing, and a read-only mount shows in no mode. A
    folder that nobody may write by its mode is left alone all the same, it is an archive.
    """
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        if not stat.S_IMODE(existing.stat().st_mode) & 0o222:
            return False
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False
