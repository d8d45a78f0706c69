"""The settings that the workbench keeps for each runs folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import platformdirs

from hashbench.errors import DamagedFileError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded

MAX_BYTES = 1 << 18


class LaunchForm(msgspec.Struct):
    """The launch form as it was left: picked names and typed values."""

    picked: dict[str, list[str]] = {}
    typed: dict[str, str] = {}


class Settings(msgspec.Struct):
    """All settings, at their defaults."""

    theme: str = "textual-dark"
    filter: str = ""
    sort: str = "running first"
    descending: bool = True
    hidden_columns: list[str] = msgspec.field(default_factory=lambda: ["labels", "began"])
    pinned: list[str] = []
    panel: str = "losses"
    log_scale: bool = False
    smoothing: float = 0.0
    axis: str = "step"
    metric: str = "mAP@all"
    published: bool = True
    studies: dict[str, dict[str, str]] = {}
    launch: LaunchForm = msgspec.field(default_factory=LaunchForm)


def path_for(runs_dir: Path) -> Path:
    """One file for each runs folder, below HASHBENCH_CONFIG or the user's config folder."""
    chosen = os.environ.get("HASHBENCH_CONFIG")
    root = Path(chosen) if chosen else platformdirs.user_config_path("hashbench")
    digest = hashlib.sha256(str(runs_dir.resolve()).encode()).hexdigest()[:12]
    return root / f"tui-{digest}.json"


def load(path: Path) -> Settings:
    """The settings in a file; defaults where there is none or it is damaged."""
    try:
        return msgspec.json.decode(read_bounded(path, MAX_BYTES, "settings"), type=Settings)
    except (OSError, DamagedFileError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Settings()  # a damaged file costs no more than the looks it kept


def save(path: Path, settings: Settings) -> None:
    """Writes the settings. Raises OSError."""
    write_bytes_atomically(path, msgspec.json.encode(settings) + b"\n")
