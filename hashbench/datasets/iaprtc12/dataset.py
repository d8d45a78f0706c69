"""Reads the official archives of IAPR TC-12 and its segmentation, SAIAPR TC-12."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import Dataset
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.iaprtc12 import CARD
from hashbench.datasets.left_out import is_complete, left_out_notes
from hashbench.datasets.pictures import FilePictures, list_files, safe_name
from hashbench.datasets.text_files import read_bytes, read_lines
from hashbench.errors import DamagedFileError, InputError
from hashbench.plan.card import Value

_REMEDY = CARD.remedy
_NUMBERED = re.compile(r"(\d{1,6})\s+(\S.*)")


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """The photographs with a description and a label, in the order of their numbers.

    Classes are the words of the user's word list that label at least one item, in its order: the
    subset of 255 that the field uses is not published, so it is never guessed. The caption is the
    description. Ids read `00/25`.
    Raises InputError for missing files, DamagedFileError for broken ones.
    """
    root = availability.require_folder(CARD, data_dir, params)
    words = _words(root)
    labelled = _labels(root, words)
    pictures = list_files(root / "images")
    described = _descriptions(root)
    rows: list[tuple[int, str, str]] = []
    left_out: Counter[str] = Counter()
    for number, (name, text) in sorted(described.items()):
        needed = {
            # without any picture the texts can still be examined, so that nothing is left out
            "picture": not pictures or name in pictures,
            "description": text,
            "label": number in labelled,
        }
        if is_complete(needed, left_out):
            rows.append((number, name, text))
    notes = left_out_notes(left_out, len(described), "text")
    if not rows:
        raise InputError(
            "no photograph has a description and a label",
            where=root,
            remedy="; ".join([*notes, _REMEDY]),
        )
    # a word of the list that labels nothing is no class
    used = set().union(*(labelled[number] for number, _, _ in rows))
    order = [word for word in words if word in used]
    column = {word: position for position, word in enumerate(order)}
    labels = np.zeros((len(rows), len(order)), dtype=np.bool_)
    for row, (number, _, _) in enumerate(rows):
        labels[row, [column[word] for word in labelled[number]]] = True
    ids = [name.rpartition(".")[0] for _, name, _ in rows]
    names = tuple(words[word] for word in order)
    captions = [(text,) for _, _, text in rows]
    notes.append(f"{len(order)} of the {len(words)} words of the list label an item")
    return Dataset(
        name="iaprtc12",
        ids=ids,
        labels=labels,
        captions=captions,
        class_names=names,
        pictures=FilePictures(root / "images", [name for _, name, _ in rows]),
        fingerprint=content_fingerprint(
            "iaprtc12",
            ids,
            labels,
            captions,
            names,
            (pictures.get(name, -1) for _, name, _ in rows),
        ),
        notes=tuple(notes),
    )


def _words(root: Path) -> dict[int, str]:
    """Number -> name of the user's word list, in its order; hyphens become blanks.

    A line is a number and a name, or a name alone, whose number is that of the line.
    """
    path = availability.require_part(CARD, root, "list of words")
    words: dict[int, str] = {}
    for line_number, line in enumerate(read_lines(path, _REMEDY), start=1):
        match = _NUMBERED.fullmatch(line)
        number, name = (int(match[1]), match[2]) if match else (line_number, line)
        name = name.replace("-", " ").strip()
        if not name:
            continue
        if number in words or name in words.values():
            raise DamagedFileError(
                f"line {line_number} lists {name!r} or number {number} again", where=path
            )
        words[number] = name
    return words


def _labels(root: Path, words: Mapping[int, str]) -> dict[int, set[int]]:
    """Photograph -> numbers of its words: lines of photograph, region, word."""
    labelled: dict[int, set[int]] = {}
    folder = availability.require_part(CARD, root, "labelled segments")
    files = sorted(folder.rglob("labels.txt"))
    if not files:
        raise InputError("holds no labels.txt", where=folder, remedy=_REMEDY)
    for path in files:
        for line_number, line in enumerate(read_lines(path, _REMEDY), start=1):
            where = f"{path}: line {line_number}"
            parts = line.split()
            if not parts:
                continue
            if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
                raise DamagedFileError(
                    f"is {line[:60]!r}, not a photograph, a region and a word",
                    where=where,
                    remedy=_REMEDY,
                )
            photograph, _region, word = (int(part[:18]) for part in parts)
            if word not in words:
                raise DamagedFileError(
                    f"word {word} is not in the word list", where=where, remedy=_REMEDY
                )
            labelled.setdefault(photograph, set()).add(word)
    return labelled


def _descriptions(root: Path) -> dict[int, tuple[str, str]]:
    """Photograph -> file below images/ and description."""
    described: dict[int, tuple[str, str]] = {}
    folder = availability.require_part(CARD, root, "descriptions")
    for name in sorted(list_files(folder, suffixes=frozenset({".eng"}))):
        path = folder / name
        content = read_bytes(path, _REMEDY).decode("latin-1")
        description, image = (_field(content, tag, path) for tag in ("DESCRIPTION", "IMAGE"))
        picture = safe_name(image.removeprefix("images/"), where=f"{path}: IMAGE")
        stem = picture.rpartition("/")[2].partition(".")[0]
        if not (stem.isascii() and stem.isdigit()):
            raise DamagedFileError(f"IMAGE {picture!r} has no number", where=path, remedy=_REMEDY)
        if int(stem) in described:
            raise DamagedFileError(
                f"describes photograph {int(stem)}, as another file does",
                where=path,
                remedy=_REMEDY,
            )
        described[int(stem)] = (picture, " ".join(description.split()))
    return described


def _field(content: str, tag: str, path: Path) -> str:
    """What stands between `<TAG>` and `</TAG>`. Raises DamagedFileError."""
    _, opened, rest = content.partition(f"<{tag}>")
    text, closed, _ = rest.partition(f"</{tag}>")
    if not opened or not closed:
        raise DamagedFileError(f"has no {tag}", where=path, remedy=_REMEDY)
    return text.strip()
