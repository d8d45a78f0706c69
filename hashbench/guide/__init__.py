"""The guide: short chapters in Markdown, for the web, the terminal and the workbench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Chapter:
    """One chapter: `name` is what one types, `title` its first heading, `text` its Markdown."""

    name: str
    title: str
    text: str


def chapters() -> list[Chapter]:
    """All chapters in reading order, which the two digits before a file's name give."""
    return [_read(path) for path in sorted(FOLDER.glob("[0-9][0-9]-*.md"))]


def _read(path: Path) -> Chapter:
    text = path.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ").strip()
    return Chapter(path.stem[3:], title, text)
