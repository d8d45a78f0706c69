"""A contact sheet: some of a dataset's pictures with their labels and first captions."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from hashbench.datasets.base import Dataset

_FONT_SIZE = 12
_LINE = 15
_GAP = 12
_INK, _FAINT, _PAPER = (25, 25, 30), (120, 120, 128), (250, 250, 248)
_LABEL_LINES, _CAPTION_LINES = 3, 2

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def contact_sheet(
    dataset: Dataset, *, columns: int = 6, rows: int = 4, seed: int = 0, side: int = 192
) -> Image.Image:
    """Up to columns * rows items, drawn with `seed`, as one RGB image; `side` in pixels a picture.

    Raises DamagedFileError when a picture cannot be read.
    """
    count = min(columns * rows, len(dataset))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:count])
    rows = -(-count // columns)
    cell = side + _GAP
    tall = side + (_LABEL_LINES + _CAPTION_LINES) * _LINE + _GAP
    sheet = Image.new("RGB", (columns * cell + _GAP, rows * tall + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    for place, item in enumerate(chosen.tolist()):
        x, y = _GAP + place % columns * cell, _GAP + place // columns * tall
        picture = _fitted(dataset.pictures.read(item), side)
        sheet.paste(picture, (x + (side - picture.width) // 2, y + (side - picture.height) // 2))
        names = [dataset.class_names[c] for c in np.flatnonzero(dataset.labels[item])]
        y += side + 3
        for line in _wrapped(", ".join(names) or "(no label)", font, side, _LABEL_LINES):
            pen.text((x, y), line, fill=_INK, font=font)
            y += _LINE
        for line in _wrapped(dataset.captions[item][0], font, side, _CAPTION_LINES):
            pen.text((x, y), line, fill=_FAINT, font=font)
            y += _LINE
    return sheet


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    """Scaled so that the longer side is `side`; small ones by whole pixels, which stay sharp."""
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    whole = scale >= 1 and scale == int(scale)
    return picture.resize(size, Image.Resampling.NEAREST if whole else Image.Resampling.BICUBIC)


def _wrapped(text: str, font: Font, width: int, lines: int) -> list[str]:
    """The text in at most `lines` lines of `width` pixels; an ellipsis where it goes on.

    Accents are dropped: Pillow's own font, the only one that is everywhere, knows ASCII.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    out = [""]
    for word in plain.split():
        longer = f"{out[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            out[-1] = longer
        elif len(out) == lines:
            out[-1] = _cut(f"{longer}...", font, width)
            return out
        else:
            if not out[-1]:
                out.pop()
            out.append(word if font.getlength(word) <= width else _cut(f"{word}...", font, width))
    return out


def _cut(text: str, font: Font, width: int) -> str:
    """Letters taken off before the final ellipsis until the text fits."""
    while len(text) > 3 and font.getlength(text) > width:
        text = text[:-4] + "..."
    return text
