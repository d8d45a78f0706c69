"""Reads the official archives of MIRFlickr-25K."""

from __future__ import annotations

import collections
import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import BoolArray, Dataset
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.left_out import plural
from hashbench.datasets.mirflickr25k import CARD
from hashbench.datasets.mirflickr25k.reference_counts import COUNTS, IMAGES
from hashbench.datasets.pictures import FilePictures
from hashbench.datasets.text_files import read_lines, read_numbers
from hashbench.errors import InputError
from hashbench.plan.card import Value

CLASSES = tuple(COUNTS)

_REMEDY = CARD.remedy
_PICTURE = re.compile(r"im([1-9]\d{0,4})\.jpg")


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """The items that carry at least one of the 24 labels, in the order of their numbers.

    An item's caption is its tags, joined by blanks. With `frequent_tags` = K the tags are those
    among the K that are on the most images (ties by spelling), and items without any are left out;
    in the archive the first 1,386 are those on 20 or more images. Ids read `im1`.
    Raises InputError for missing files, DamagedFileError for broken ones.
    """
    root = availability.require_folder(CARD, data_dir, params)
    labels = read_labels(availability.require_part(CARD, root, "annotations").parent)
    tags, without_tags = read_tags(availability.require_part(CARD, root, "tags"))
    first_picture = availability.first_match(root, CARD.pictures[0])
    folder = root if first_picture is None else first_picture.parent
    sizes = _picture_sizes(folder)
    keep = np.logical_or.reduce(labels, axis=1)
    # without any picture the labels and tags can still be examined and split
    available = np.full(IMAGES, not sizes)
    available[np.fromiter(sizes, np.int64, len(sizes)) - 1] = True
    notes = []
    if unlabelled := int((available & ~keep).sum()):
        notes.append(f"left out {plural(unlabelled, 'picture')} without any of the 24 labels")
    if missing := int((keep & ~available).sum()):
        notes.append(f"left out {plural(missing, 'labelled item')} without a picture")
    if without_tags:
        notes.append(f"{without_tags:,} of {IMAGES:,} images have no file of tags")
    if frequent := int(params["frequent_tags"]):
        chosen, which = choose_tags(tags, frequent, folder / "doc" / "common_tags.txt")
        tags = [[tag for tag in words if tag in chosen] for words in tags]
        tagged = np.array([bool(words) for words in tags])
        untagged = int((keep & available & ~tagged).sum())
        notes.append(
            f"left out {plural(untagged, 'labelled item')} without any of {which}"
            if untagged
            else f"captions are cut to {which}"
        )
        keep &= tagged
    rows = np.flatnonzero(keep & available).tolist()
    if not rows:
        raise InputError("no picture has a label and tags", where=folder, remedy="; ".join(notes))
    ids = [f"im{row + 1}" for row in rows]
    captions = [(" ".join(tags[row]),) for row in rows]
    files = [f"{item}.jpg" for item in ids]
    return Dataset(
        name="mirflickr25k-20015" if frequent else "mirflickr25k",
        ids=ids,
        labels=labels[rows],
        captions=captions,
        class_names=CLASSES,
        pictures=FilePictures(folder, files),
        fingerprint=content_fingerprint(
            "mirflickr25k",
            ids,
            labels[rows],
            captions,
            CLASSES,
            (sizes.get(row + 1, -1) for row in rows),
        ),
        notes=tuple(notes),
    )


def _picture_sizes(folder: Path) -> dict[int, int]:
    """Number -> bytes of the pictures, ascending."""
    with os.scandir(folder) as entries:
        sizes = {
            int(match[1]): entry.stat().st_size
            for entry in entries
            if (match := _PICTURE.fullmatch(entry.name)) and int(match[1]) <= IMAGES
        }
    return dict(sorted(sizes.items()))


def read_labels(folder: Path) -> BoolArray:
    """(25000, 24) labels of images 1 to 25000, classes in the order of CLASSES.

    Each class is a file of image numbers; `*_r1.txt`, the stricter judgements, are not read.
    """
    labels = np.zeros((IMAGES, len(CLASSES)), dtype=np.bool_)
    for column, name in enumerate(CLASSES):
        path = folder / f"{name}.txt"
        numbers = read_numbers(path, _REMEDY, high=IMAGES)
        if len(numbers) and numbers.min() < 1:
            raise InputError("holds image number 0", where=path, remedy=_REMEDY)
        labels[numbers - 1, column] = True
    return labels


def read_tags(folder: Path) -> tuple[list[list[str]], int]:
    """The tags of images 1 to 25000, each once, in the order of their files; how many have no file.

    Raises InputError when no image has one.
    """
    with os.scandir(folder) as entries:
        available = {entry.name for entry in entries}
    names = [f"tags{number}.txt" for number in range(1, IMAGES + 1)]
    missing = sum(name not in available for name in names)
    if missing == IMAGES:
        raise InputError("holds no tags1.txt ... tags25000.txt", where=folder, remedy=_REMEDY)
    files = (read_lines(folder / name, _REMEDY) if name in available else [] for name in names)
    tags = [list(dict.fromkeys(line for line in lines if line)) for lines in files]
    return tags, missing


def choose_tags(tags: list[list[str]], count: int, common: Path) -> tuple[frozenset[str], str]:
    """The `count` tags that are on the most images, and a remark on how they were chosen.

    If the archive's own list exists (`common`, a tag and its count on each line) its first
    `count` tags are used; otherwise they are counted, ties broken by spelling.
    """
    if common.is_file():
        words = [line.split() for line in read_lines(common, _REMEDY)]
        listed = [line[0] for line in words if line][:count]
        return frozenset(listed), f"the {len(listed):,} tags of {common.name}"
    frequency = collections.Counter(itertools.chain.from_iterable(tags))
    ranked = sorted(frequency.items(), key=lambda entry: (-entry[1], entry[0]))
    chosen = ranked[:count]
    if not chosen:
        return frozenset(), "the 0 tags"
    least = chosen[-1][1]
    remark = f"the {len(chosen):,} most frequent tags, on {least} or more images"
    if len(ranked) > count and ranked[count][1] == least:
        remark += " (some on as many are not among them: tags are missing)"
    return frozenset(tag for tag, _ in chosen), remark
