"""A kind of file that people hand to hashbench, and how a command is given."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hashbench.cli.main import app

Change = Callable[[bytes, random.Random], bytes]


class ScreenError(AssertionError):
    """A control sequence reached the screen."""


@dataclass(frozen=True)
class Kind:
    """A file at `path` that `read` reads, and how it is damaged. The rest stays as it is."""

    name: str
    path: Path
    read: Callable[[], object]
    change: Change


def cli(*words: object) -> None:
    """A command as a person gives it. Raises ScreenError where it prints control characters."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        app([str(word) for word in words], standalone_mode=False)
    shown = out.getvalue().replace("\n", "").replace("\t", "")
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown):
        raise ScreenError(repr(shown[:300]))
