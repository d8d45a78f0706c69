"""Reads image features, text features and labels out of one file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hashbench.datasets.base import BoolArray, Dataset, FloatArray, IntArray
from hashbench.datasets.featureset import CARD, SUFFIXES
from hashbench.datasets.matrices import feature_matrix, label_matrix
from hashbench.datasets.pictures import NoPictures
from hashbench.datasets.text_files import read_lines
from hashbench.errors import DamagedFileError, InputError
from hashbench.files import array_files
from hashbench.files.matlab_values import Value as FileValue
from hashbench.plan.card import Value

WHOLE = {
    "images": ("images", "image_features", "I", "XAll", "img", "image"),
    "texts": ("texts", "text_features", "T", "YAll", "txt", "text"),
    "labels": ("labels", "label", "L", "LAll", "category"),
}
"""Names of the variables of a file that holds one set."""

SPLIT = {
    "train": ("I_tr", "T_tr", "L_tr"),
    "query": ("I_te", "T_te", "L_te"),
    "database": ("I_db", "T_db", "L_db"),
}
"""Names of the variables of a file that holds training, query and maybe more database items."""

WIKIPEDIA = (
    "art", "biology", "geography", "history", "literature", "media", "music", "royalty", "sport",
    "warfare",
)  # fmt: skip
WIKIPEDIA_COUNTS = (172, 360, 340, 333, 267, 236, 237, 185, 285, 451)
"""Articles of each category, training and test together (Rasiwasia et al. 2010)."""


@dataclass(frozen=True)
class _Part:
    name: str
    images: FloatArray
    texts: FloatArray
    labels: FileValue


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """The set with its features; items of a test part may be queries, those of a training part may
    be trained on.

    Classes are named by `class_names` in the file or by classes.txt. Ids read `train-17` or
    `item-17`. Raises InputError for missing files, DamagedFileError for broken ones and for parts
    of different lengths.
    """
    path = find_file(data_dir, str(params["file"]))
    parts = _parts(path)
    images = np.concatenate([part.images for part in parts])
    texts = np.concatenate([part.texts for part in parts])
    labels = _labels(path, parts)
    names, notes = _class_names(path, labels)
    ids = [f"{part.name}-{row + 1}" for part in parts for row in range(len(part.images))]
    return Dataset(
        name=_name(str(params["file"])),
        ids=ids,
        labels=labels,
        captions=[("",)] * len(ids),
        class_names=names,
        pictures=NoPictures(path),
        fingerprint=_fingerprint(images, texts, labels, names),
        roles=_roles(parts),
        notes=tuple(notes),
        features=(images, texts),
    )


def _name(file: str) -> str:
    """The preset that asks for this file, if one does."""
    named = (name for name, preset in CARD.presets.items() if preset["file"] == file)
    return next(named, CARD.name)


def find_file(data_dir: Path, name: str) -> Path:
    """The file of that name, or the only one of its kind. Raises InputError."""
    folders = [data_dir / folder for folder in CARD.folders]
    listed = next((files for folder in folders if (files := _files(folder, name))), [])
    if not listed:
        raise InputError(f"has no {name or 'file of features'}", where=data_dir, remedy=CARD.remedy)
    if len(listed) > 1:
        raise InputError(
            f"holds {len(listed)} files of features: {', '.join(path.name for path in listed[:9])}",
            where=listed[0].parent,
            remedy="keep one there, or register each: hashbench datasets add NAME --features FILE",
        )
    return listed[0]


def _files(folder: Path, name: str) -> list[Path]:
    if not folder.is_dir():
        return []
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return [path for path in files if path.name == name] if name else files


def _parts(path: Path) -> list[_Part]:
    present = array_files.contents(path)
    if all(key in present for key in SPLIT["train"]):
        wanted = {part: keys for part, keys in SPLIT.items() if any(key in present for key in keys)}
    else:
        names = {
            which: next((k for k in keys if k in present), "") for which, keys in WHOLE.items()
        }
        if not all(names.values()):
            others = ", ".join(present) or "nothing"
            raise DamagedFileError(
                f"has {others}, not images, texts and labels",
                where=path,
                remedy="name the variables I_tr, T_tr, L_tr, I_te, T_te, L_te, or I, T, L",
            )
        wanted = {"item": (names["images"], names["texts"], names["labels"])}
    values = array_files.read(path, only=[key for keys in wanted.values() for key in keys])
    parts = []
    for name, (image, text, label) in wanted.items():
        images = feature_matrix(values[image], where=f"{path}: {image}")
        texts = feature_matrix(values[text], where=f"{path}: {text}")
        if len(images) != len(texts):
            raise DamagedFileError(
                f"{image} has {len(images):,} rows and {text} has {len(texts):,}", where=path
            )
        parts.append(_Part(name, images, texts, values[label]))
    for which in ("images", "texts"):
        widths = sorted({getattr(part, which).shape[1] for part in parts})
        if len(widths) > 1:
            raise DamagedFileError(f"the {which} have {widths} features an item", where=path)
    return parts


def _labels(path: Path, parts: list[_Part]) -> BoolArray:
    """All labels, read together: class numbers of one part may lack the least or the greatest."""
    rows = []
    for part in parts:
        value = part.labels
        if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[0] == 1:
            value = value.T  # one row of class numbers
        if not isinstance(value, np.ndarray) or len(value) != len(part.images):
            size = len(value) if isinstance(value, np.ndarray) else "no"
            raise DamagedFileError(
                f"the {part.name} items have {size} labels and {len(part.images):,} features",
                where=path,
            )
        rows.append(value.reshape(len(value), -1))
    if len({value.shape[1] for value in rows}) > 1:
        raise DamagedFileError("the parts have label matrices of different width", where=path)
    return label_matrix(np.concatenate(rows), where=f"{path}: labels")


def _class_names(path: Path, labels: BoolArray) -> tuple[tuple[str, ...], list[str]]:
    count = labels.shape[1]
    listed = path.parent / "classes.txt"
    if "class_names" in array_files.contents(path):
        names = array_files.strings(
            array_files.read(path, only=["class_names"])["class_names"], where=path
        )
        classes = tuple(name if isinstance(name, str) else " ".join(name) for name in names)
        source: Path | str = f"{path}: class_names"
    elif listed.is_file():
        classes, source = tuple(read_lines(listed, "one name a line")), listed
    elif tuple(labels.sum(axis=0).tolist()) == WIKIPEDIA_COUNTS:
        return WIKIPEDIA, ["classes named by their counts, which are those of Wikipedia's articles"]
    else:
        remark = f"the {count} classes have no names; list them in {listed.name}, one a line"
        return tuple(f"class {column + 1}" for column in range(count)), [remark]
    if len(classes) != count or len(set(classes)) != count or not all(classes):
        raise DamagedFileError(
            f"has {len(set(classes) - {''}):,} different names for {count:,} classes", where=source
        )
    return classes, []


def _roles(parts: list[_Part]) -> dict[str, IntArray]:
    starts = np.cumsum([0, *(len(part.images) for part in parts)])
    return {
        part.name: np.arange(start, start + len(part.images), dtype=np.int64)
        for part, start in zip(parts, starts.tolist(), strict=False)
        if part.name in {"train", "query"}
    }


def _fingerprint(
    images: FloatArray, texts: FloatArray, labels: BoolArray, names: tuple[str, ...]
) -> str:
    digest = hashlib.sha256(f"featureset\n{images.shape} {texts.shape}\n".encode())
    for array in (images, texts, labels):
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\x1e".join(names).encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]
