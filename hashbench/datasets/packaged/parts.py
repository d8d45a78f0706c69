"""Reads the three parts of packaged files: captions, image names, labels.

Two families are in use. DCMHT, DSPH, PromptHash, PGHMH: `caption` holds a list of captions for each
item (or caption.txt one line, the literal 123456 for no tags), `index` paths, `category` labels.
MITH, CMCL, PCRIL: one caption an item, `index`, `label`; made from text lists of tags, images and
labels. DCMH and torchcmh name the variables YAll, FAll, LAll and tags, imgs, labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hashbench.datasets.base import BoolArray
from hashbench.datasets.matrices import label_matrix
from hashbench.datasets.packaged import CARD
from hashbench.datasets.text_files import read_bytes, read_lines
from hashbench.errors import DamagedFileError
from hashbench.files import array_files
from hashbench.files.matlab_values import Value

KEYS = {
    "captions": ("caption", "captions", "tags", "YAll"),
    "index": ("index", "imgs", "FAll"),
    "labels": ("category", "label", "labels", "LAll"),
}
NO_TAGS = "123456"

_REMEDY = CARD.remedy


def captions(path: Path) -> list[tuple[str, ...]]:
    """The captions of each item, stripped, at least one, empty ones only if the item has no other.

    Tags separated by commas (all_tags.txt) become one caption, sentences separated by semicolons
    (all_txts.txt) become several.
    """
    items: Sequence[str | Sequence[str]]
    if path.name == "all_tags.txt":
        items = [line.replace(",", " ") for line in read_lines(path, _REMEDY)]
    elif path.name == "all_txts.txt":
        items = [line.split(";") for line in read_lines(path, _REMEDY)]
    elif path.suffix == ".txt":
        items = read_lines(path, _REMEDY)
    else:
        items = array_files.strings(_variable(path, "captions"), where=path)
    return [_clean([item] if isinstance(item, str) else item) for item in items]


def _clean(texts: Sequence[str]) -> tuple[str, ...]:
    plain = (" ".join(text.split()) for text in texts)
    return tuple(text for text in plain if text and text != NO_TAGS) or ("",)


def index(path: Path) -> list[str]:
    """The image name of each item, as written."""
    if path.suffix == ".txt":
        return read_lines(path, _REMEDY)
    names = array_files.strings(_variable(path, "index"), where=path)
    single = [[name] if isinstance(name, str) else name for name in names]
    for item, several in enumerate(single):
        if len(several) != 1:
            raise DamagedFileError(
                f"item {item} has {len(several)} image names", where=path, remedy=_REMEDY
            )
    return [several[0] for several in single]


def labels(path: Path) -> BoolArray:
    """(N, C) labels."""
    if path.suffix != ".txt":
        return label_matrix(_variable(path, "labels"), where=path)
    rows = read_bytes(path, _REMEDY).split(b"\n")
    if not rows[-1].strip():
        rows.pop()
    widths = {len(row.split()) for row in rows}
    if len(widths) != 1 or 0 in widths:
        raise DamagedFileError(
            f"has rows of {', '.join(map(str, sorted(widths)))} columns", where=path, remedy=_REMEDY
        )
    try:
        values = np.array(b" ".join(rows).split(), dtype="S16").astype(np.float64)
    except ValueError as error:
        raise DamagedFileError(f"holds no numbers: {error}", where=path, remedy=_REMEDY) from None
    return label_matrix(values.reshape(len(rows), -1), where=path)


def _variable(path: Path, part: str) -> Value:
    """The variable of a part in a .mat or .npy file. Raises DamagedFileError where it is not."""
    if path.suffix == ".npy":
        return array_files.read(path)[path.stem]
    present = array_files.contents(path)
    name = next((key for key in KEYS[part] if key in present), None)
    if name is None:
        others = ", ".join(present) or "nothing"
        raise DamagedFileError(
            f"has {others} where one of {', '.join(KEYS[part])} belongs",
            where=path,
            remedy="rename the variable, or choose another file",
        )
    return array_files.read(path, only=[name])[name]
