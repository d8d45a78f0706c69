"""Reads the official files of NUS-WIDE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import BoolArray, Dataset, IntArray
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.left_out import plural
from hashbench.datasets.nuswide import CARD, PICTURE_FOLDERS, TAG_FOLDERS
from hashbench.datasets.nuswide.tags import photo_tags, tags_of_1k
from hashbench.datasets.pictures import FilePictures, list_files, safe_name
from hashbench.datasets.text_files import read_lines, read_numbers
from hashbench.errors import DamagedFileError, InputError
from hashbench.plan.card import Value

CLASSES = (
    "animal", "beach", "buildings", "clouds", "flowers", "grass", "lake", "mountain", "ocean",
    "person", "plants", "reflection", "road", "rocks", "sky", "snow", "sunset", "tree", "vehicle",
    "water", "window",
)  # fmt: skip
"""The 21 most frequent concepts, by name."""

CLASSES_10 = (
    "animal", "buildings", "clouds", "grass", "lake", "person", "plants", "sky", "water", "window",
)  # fmt: skip
"""The 10 most frequent concepts, by name."""

_REMEDY = CARD.remedy


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """The items with at least one of the concepts, in the order of Imagelist.txt.

    An item's caption is its tags, joined by blanks; without any it is empty. With `tags` = 1k
    items without any of the 1,000 tags are left out. Ids read `actor/0001_2124494179`.
    Raises InputError for missing files, DamagedFileError for broken ones and for files that do not
    describe the same items.
    """
    root = availability.require_folder(CARD, data_dir, params)
    classes = CLASSES_10 if params["concepts"] == 10 else CLASSES
    names = _image_list(root)
    labels = _labels(root, classes, len(names))
    files, sizes = _pictures(root, names)
    labelled = np.logical_or.reduce(labels, axis=1)
    # without any picture the labels and tags can still be examined and split
    available = sizes >= 0 if (sizes >= 0).any() else np.ones_like(labelled)
    unlabelled = f"{int((~labelled).sum()):,} of {len(names):,} images"
    notes = [f"left out {unlabelled} without any of the {len(classes)} concepts"]
    if missing := int((labelled & ~available).sum()):
        notes.append(f"left out {plural(missing, 'labelled image')} without a picture")
    keep = labelled & available
    folder = next(root / name for name in TAG_FOLDERS if (root / name).is_dir())
    if params["tags"] == "1k":
        captions = tags_of_1k(folder, keep, _REMEDY)
        tagged = np.array([bool(text) for text in captions])
        notes.append(f"left out {int((keep & ~tagged).sum()):,} without any of the 1,000 tags")
        keep &= tagged
    else:
        captions = photo_tags(folder / "All_Tags.txt", names, _REMEDY)
    rows = np.flatnonzero(keep).tolist()
    if not rows:
        raise InputError(
            "no picture has a label and tags", where=root, remedy="; ".join([*notes, _REMEDY])
        )
    ids = [names[row].rpartition(".")[0] for row in rows]
    chosen = [(captions[row],) for row in rows]
    return Dataset(
        name=_name(params),
        ids=ids,
        labels=labels[rows],
        captions=chosen,
        class_names=classes,
        pictures=FilePictures(root, [files[row] for row in rows]),
        fingerprint=content_fingerprint(
            "nuswide", ids, labels[rows], chosen, classes, sizes[rows].tolist()
        ),
        notes=tuple(notes),
    )


def _name(params: Mapping[str, Value]) -> str:
    ten = "-10" if params["concepts"] == 10 else ""
    return f"nuswide{ten}-tags1k" if params["tags"] == "1k" else f"nuswide{ten}"


def _image_list(root: Path) -> list[str]:
    """All images, as `actor/0001_2124494179.jpg`, in the order of the list."""
    path = availability.require_part(CARD, root, "image list")
    lines = read_lines(path, _REMEDY)
    names = [safe_name(line, where=f"{path}: line {n}") for n, line in enumerate(lines, start=1)]
    if len(set(names)) < len(names):
        raise DamagedFileError("lists an image twice", where=path, remedy=_REMEDY)
    return names


def _labels(root: Path, classes: Sequence[str], count: int) -> BoolArray:
    """(count, C): one file of zeros and ones for each class."""
    labels = np.zeros((count, len(classes)), dtype=np.bool_)
    for column, name in enumerate(classes):
        path = root / "Groundtruth" / "AllLabels" / f"Labels_{name}.txt"
        values = read_numbers(path, _REMEDY, high=1)
        if len(values) != count:
            raise DamagedFileError(
                f"has {len(values):,} rows where Imagelist.txt has {count:,}",
                where=path,
                remedy=_REMEDY,
            )
        labels[:, column] = values == 1
    return labels


def _pictures(root: Path, names: Sequence[str]) -> tuple[list[str], IntArray]:
    """File of each image below `root` and its bytes, -1 if it is missing.

    Pictures lie in folders named after concepts, or all in one folder.
    """
    existing = (name for name in PICTURE_FOLDERS if (root / name).is_dir())
    folder = next(existing, PICTURE_FOLDERS[0])
    listed = list_files(root / folder)
    files = []
    sizes = np.full(len(names), -1, dtype=np.int64)
    for row, name in enumerate(names):
        file = name if name in listed else name.rpartition("/")[2]
        files.append(f"{folder}/{file}")
        sizes[row] = listed.get(file, -1)
    return files, sizes
