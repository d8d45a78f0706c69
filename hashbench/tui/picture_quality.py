"""How photographs are drawn: half blocks, or a protocol of the terminal at full quality.

What a terminal can do is told from its environment alone. Asking it by escape sequences would print
them where they are not understood, and would take keys that a person types meanwhile.
"""

from __future__ import annotations

import fcntl
import importlib.util
import io
import os
import struct
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass

from hashbench.errors import UnknownNameError

AUTO, BLOCKS, KITTY, SIXEL = "auto", "blocks", "kitty", "sixel"
MODES = (AUTO, BLOCKS, KITTY, SIXEL)
VARIABLE = "HASHBENCH_PICTURES"

KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")
SIXEL_TERMS = ("foot", "foot-extra", "mlterm", "contour", "yaft-256color", "xterm-sixel")
SIXEL_PROGRAMS = ("WezTerm", "iTerm.app", "mintty")
_MULTIPLEXERS = ("TMUX", "STY", "ZELLIJ")


@dataclass(frozen=True)
class PictureQuality:
    """`mode` is one of BLOCKS, KITTY and SIXEL; a cell of the terminal has `width` x `height`
    pixels. `reason` says why it is not what was asked for by name.
    """

    mode: str = BLOCKS
    width: int = 1
    height: int = 2
    reason: str = ""


def choose(asked: str, environment: Mapping[str, str]) -> PictureQuality:
    """The quality for a wish, one of MODES. Raises UnknownNameError for another word."""
    if asked not in MODES:
        raise UnknownNameError("way of pictures", asked, MODES, where="--pictures")
    able = _able(environment)
    mode = able if asked == AUTO else asked
    if mode == BLOCKS:
        return PictureQuality()
    named = asked != AUTO
    if _passes_nothing_on(environment):
        why = "tmux, screen and browsers do not pass pictures on"
    elif importlib.util.find_spec("textual_image") is None:
        why = "they need pip install 'hashbench[pictures]'"
    else:
        size = cell_size()
        if size is not None:
            return PictureQuality(mode, *size)
        why = "the terminal does not tell how many pixels a letter takes"
    return PictureQuality(reason=f"no {mode} pictures: {why}" if named else "")


def _able(environment: Mapping[str, str]) -> str:
    term = environment.get("TERM", "")
    if _passes_nothing_on(environment) or "NO_COLOR" in environment:
        return BLOCKS
    if term in KITTY_TERMS:
        return KITTY
    if term in SIXEL_TERMS or environment.get("TERM_PROGRAM") in SIXEL_PROGRAMS:
        return SIXEL
    return BLOCKS


def _passes_nothing_on(environment: Mapping[str, str]) -> bool:
    """Whether something stands between this process and the terminal."""
    term = environment.get("TERM", "")
    inside = any(name in environment for name in _MULTIPLEXERS)
    return inside or term.startswith(("screen", "tmux")) or "TEXTUAL_DRIVER" in environment


def cell_size() -> tuple[int, int] | None:
    """Pixels of a letter, as the terminal's own driver knows them; None where it does not."""
    try:
        packed = fcntl.ioctl(sys.__stdout__.fileno(), termios.TIOCGWINSZ, b"\0" * 8)  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return None
    rows, columns, width, height = struct.unpack("HHHH", packed)
    if not (rows and columns) or width < columns or height < rows:
        return None
    return width // columns, height // rows


def load_widgets(quality: PictureQuality) -> None:
    """Imports textual-image, before Textual takes the terminal.

    While it is imported, it asks the terminal what it can; it does not where it sees none, and
    takes the size of a letter from the environment.
    """
    terminal, sys.__stdout__ = sys.__stdout__, io.StringIO()  # type: ignore[misc,assignment]
    sizes = {
        "TEXTUAL_CELL_WIDTH": str(quality.width), "TEXTUAL_CELL_HEIGHT": str(quality.height),
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in sizes}
    os.environ.update(sizes)
    try:
        importlib.import_module("textual_image.widget")
    finally:
        sys.__stdout__ = terminal  # type: ignore[misc]
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
