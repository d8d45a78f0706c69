"""Reads COCO's annotation files and finds the pictures they name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import BoolArray, Dataset
from hashbench.datasets.coco import CARD
from hashbench.datasets.coco.annotations import Captions, Instances, read_json
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.left_out import is_complete, left_out_notes
from hashbench.datasets.pictures import FilePictures, list_files, safe_name
from hashbench.errors import DamagedFileError, InputError
from hashbench.plan.card import Value

_FILE = re.compile(r"(captions|instances)_(.+)\.json")


@dataclass
class _Item:
    """One image of one part, while its files are read."""

    file_name: str
    captions: list[str] = field(default_factory=list)
    categories: set[int] = field(default_factory=set)


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """All images of all annotation files that have a file, a caption and at least one label.

    Classes are the categories in the order of their ids, in COCO's own spelling. Captions keep the
    order of the file. Ids read `train2017/000000000790`.
    Raises InputError for missing files, DamagedFileError for broken ones.
    """
    root = availability.require_folder(CARD, data_dir, params)
    classes: dict[int, str] = {}
    ids: list[str] = []
    files: list[str] = []
    sizes: list[int] = []
    captions: list[tuple[str, ...]] = []
    categories: list[set[int]] = []
    notes: list[str] = []
    parts = _parts(root, str(params["year"]))
    folders = {part: part if (root / part).is_dir() else f"images/{part}" for part in parts}
    pictures = {part: list_files(root / folder) for part, folder in folders.items()}
    # without any picture labels and captions can still be examined, so that nothing is left out
    any_picture = any(pictures.values())
    for part, folder in folders.items():
        items = _read_part(root, part, classes)
        left_out: Counter[str] = Counter()
        for image_id in sorted(items):
            item = items[image_id]
            needed = {
                "image file": not any_picture or item.file_name in pictures[part],
                "caption": item.captions,
                "label": item.categories,
            }
            if is_complete(needed, left_out):
                ids.append(f"{part}/{item.file_name.rpartition('.')[0]}")
                files.append(f"{folder}/{item.file_name}")
                sizes.append(pictures[part].get(item.file_name, -1))
                captions.append(tuple(item.captions))
                categories.append(item.categories)
        notes += left_out_notes(left_out, len(items), "image", where=part)
    if not ids:
        raise InputError(
            "no image of the annotation files has a file, a caption and a label",
            where=root,
            remedy="; ".join([*notes, CARD.remedy]),
        )
    labels = _labels(categories, sorted(classes))
    names = tuple(classes[category] for category in sorted(classes))
    return Dataset(
        name="coco",
        ids=ids,
        labels=labels,
        captions=captions,
        class_names=names,
        pictures=FilePictures(root, files),
        fingerprint=content_fingerprint("coco", ids, labels, captions, names, sizes),
        notes=tuple(notes),
    )


def _parts(root: Path, year: str) -> list[str]:
    """The parts, such as train2017, that have both annotation files."""
    kinds: dict[str, set[str]] = {}
    for path in sorted((root / "annotations").iterdir()):
        if (match := _FILE.fullmatch(path.name)) and match[2].endswith(year):
            kinds.setdefault(match[2], set()).add(match[1])
    if not kinds:
        raise InputError(
            f"holds no captions_*{year}.json and instances_*{year}.json",
            where=root / "annotations",
            remedy=CARD.remedy,
        )
    for part, present in kinds.items():
        for kind in sorted({"captions", "instances"} - present):
            raise InputError(
                "is missing",
                where=root / "annotations" / f"{kind}_{part}.json",
                remedy=f"{part} needs both of its files; add this one or move the other away",
            )
    years = {match[0] for part in kinds if (match := re.search(r"\d{4}$", part))}
    if len(years) > 1:
        raise InputError(
            f"holds the years {', '.join(sorted(years))}, which are the same pictures",
            where=root / "annotations",
            remedy="choose one: " + ", ".join(f"--dataset coco-{year}" for year in sorted(years)),
        )
    return sorted(kinds)


def _read_part(root: Path, part: str, classes: dict[int, str]) -> dict[int, _Item]:
    """The images of one part by id, with captions and categories; adds to `classes`."""
    captions_path = root / "annotations" / f"captions_{part}.json"
    instances_path = root / "annotations" / f"instances_{part}.json"
    items: dict[int, _Item] = {}
    captions = read_json(captions_path, Captions)
    _add_images(items, captions, captions_path)
    for position, caption in enumerate(captions.annotations):
        item = items.get(caption.image_id)
        if item is None:
            raise _unknown_image(caption.image_id, captions_path, position)
        if text := " ".join(caption.caption.split()):
            item.captions.append(text)
    del captions
    instances = read_json(instances_path, Instances)
    _add_images(items, instances, instances_path)
    _add_classes(classes, instances, instances_path)
    known = {category.id for category in instances.categories}
    for position, instance in enumerate(instances.annotations):
        item = items.get(instance.image_id)
        if item is None:
            raise _unknown_image(instance.image_id, instances_path, position)
        if instance.category_id not in known:
            raise DamagedFileError(
                f"category {instance.category_id} is not in categories",
                where=f"{instances_path}: annotations[{position}].category_id",
                remedy="fetch COCO's annotations again",
            )
        item.categories.add(instance.category_id)
    return items


def _add_images(items: dict[int, _Item], source: Captions | Instances, path: Path) -> None:
    seen: set[int] = set()
    for position, image in enumerate(source.images):
        where = f"{path}: images[{position}]"
        if image.id in seen:
            raise DamagedFileError(
                f"image {image.id} is listed twice",
                where=where,
                remedy="fetch COCO's annotations again",
            )
        seen.add(image.id)
        known = items.get(image.id)
        if known is None:
            items[image.id] = _Item(safe_name(image.file_name, where=f"{where}.file_name"))
        elif known.file_name != image.file_name:
            raise DamagedFileError(
                f"image {image.id} is {image.file_name!r} here and {known.file_name!r}"
                " in the captions",
                where=where,
                remedy="take both files from the same annotations archive",
            )


def _add_classes(classes: dict[int, str], instances: Instances, path: Path) -> None:
    own = {category.id: category.name for category in instances.categories}
    problem = None
    if not own:
        problem = "no categories are listed"
    elif len(own) < len(instances.categories):
        problem = "a category id is listed twice"
    elif len(set(own.values())) < len(own):
        problem = "a category name is listed twice"
    elif classes and classes != own:
        problem = "the categories differ from those of the other annotation files"
    if problem:
        raise DamagedFileError(
            problem, where=f"{path}: categories", remedy="fetch COCO's annotations again"
        )
    classes.update(own)


def _unknown_image(image_id: int, path: Path, position: int) -> DamagedFileError:
    return DamagedFileError(
        f"image {image_id} is not in images",
        where=f"{path}: annotations[{position}].image_id",
        remedy="fetch COCO's annotations again",
    )


def _labels(categories: list[set[int]], order: list[int]) -> BoolArray:
    """(N, C) bool: item i shows an object of category order[c]."""
    column = {category: position for position, category in enumerate(order)}
    labels = np.zeros((len(categories), len(order)), dtype=np.bool_)
    rows = np.repeat(np.arange(len(categories)), [len(chosen) for chosen in categories])
    labels[rows, [column[category] for chosen in categories for category in chosen]] = True
    return labels
