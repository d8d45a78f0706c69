"""Sweep files that ship with hashbench, each a table: `hashbench sweep NAME`."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def shipped() -> dict[str, Path]:
    """The files by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def summary(path: Path) -> str:
    """What a file is for: the comment on its first line."""
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#").strip()
