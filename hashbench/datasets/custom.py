"""A person's own datasets: registering them, and reading them like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from hashbench.datasets.base import Dataset
from hashbench.datasets.custom_table import read_table
from hashbench.datasets.featureset import dataset as featureset
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.left_out import is_complete, left_out_notes
from hashbench.datasets.pictures import FilePictures, list_files
from hashbench.datasets.splits import default_sizes
from hashbench.errors import InputError, UnknownNameError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.plan import catalog, custom_registry
from hashbench.plan.card import Value
from hashbench.plan.custom_registry import Registration


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """The registered dataset `params["name"]` below `data_dir`. Raises InputError."""
    name = str(params["name"])
    custom_registry.check_name(name, {}, where="spec.toml: dataset.params.name")
    path = data_dir / name / custom_registry.FILE
    return read(name, custom_registry.read(path), path.parent)


def register(
    data_dir: Path,
    name: str,
    registration: Registration,
    *,
    overwrite: bool = False,
    where: object = None,
) -> tuple[Dataset, Path]:
    """Reads the dataset, then writes its registration; the dataset and the file written.

    Sizes of 0 become a tenth of the items, at most 2,000, for queries, and half of the rest, at
    most 10,000, for training. Raises InputError for a name that is in use (registered ones may be
    overwritten) and for whatever is wrong with the dataset, before anything is written.
    """
    own = {} if overwrite else custom_registry.names(data_dir)
    custom_registry.check_name(name, {**catalog.datasets(), **own}, where=where)
    folder = data_dir / name
    images = folder / registration.images
    if registration.kind == "table" and not images.is_dir():
        raise InputError("is not a folder", where=images, remedy="--images names the image folder")
    dataset = read(name, registration, folder)
    pictures = dataset.pictures
    if isinstance(pictures, FilePictures) and len(pictures.missing()) == len(dataset):
        raise InputError(
            "no row of the table has a picture",
            where=folder / registration.table,
            remedy=f"file names are relative to {images}",
        )
    usual = default_sizes(dataset)
    query = registration.query or usual.query
    train = registration.train or usual.train
    if query + train > len(dataset):
        raise InputError(
            f"{query:,} queries and {train:,} training items do not fit into {len(dataset):,}",
            where=name,
            remedy="smaller --query-size and --train-size, or more items",
        )
    settled = msgspec.structs.replace(registration, query=query, train=train)
    path = folder / custom_registry.FILE
    write_bytes_atomically(path, msgspec.toml.encode(settled))
    return dataset, path


def registration_file(data_dir: Path, name: str, *, where: object = None) -> Path:
    """The registration of a dataset; it need not be readable.

    Raises InputError for a dataset that is not registered but known, UnknownNameError for others.
    """
    if name in catalog.datasets():
        raise InputError(
            f"{name} is not registered: hashbench knows it by itself",
            where=where,
            remedy="its files are yours to move or delete",
        )
    registered = custom_registry.names(data_dir)
    if name not in registered:
        raise UnknownNameError("registered dataset", name, registered, where=where)
    return registered[name]


def unregister(path: Path) -> None:
    """Removes a registration, and its folder if nothing else is in it; all else stays."""
    path.unlink()
    if not any(path.parent.iterdir()):
        path.parent.rmdir()


def read(name: str, registration: Registration, folder: Path) -> Dataset:
    """The dataset that a registration in `folder` describes. Raises InputError."""
    if registration.kind == "table":
        return read_pictures(name, folder / registration.table, folder / registration.images)
    file = folder / registration.file
    loaded = featureset.load(file.parent, {"file": file.name})
    return replace(loaded, name=name)


def read_pictures(name: str, table: Path, images: Path) -> Dataset:
    """The rows of a table that have a picture, a caption and a label, in its order.

    If no row has a picture, all are kept: their captions and labels can still be examined.
    Classes are the labels of the table by name; ids are file names without their ending.
    Raises InputError for a missing table, DamagedFileError for a broken one.
    """
    rows = read_table(table)
    listed = list_files(images)
    any_picture = any(file in listed for file in rows)
    left_out: Counter[str] = Counter()
    kept: list[str] = []
    for file, row in rows.items():
        needed = {
            "picture": not any_picture or file in listed,
            "caption": row.captions,
            "label": row.labels,
        }
        if is_complete(needed, left_out):
            kept.append(file)
    notes = left_out_notes(left_out, len(rows), "row")
    if not kept:
        raise InputError(
            f"no row has a picture, a caption and a label: {'; '.join(notes)}",
            where=table,
            remedy=f"file names are relative to {images}",
        )
    classes = sorted({label for file in kept for label in rows[file].labels})
    column = {label: position for position, label in enumerate(classes)}
    labels = np.zeros((len(kept), len(classes)), dtype=np.bool_)
    for position, file in enumerate(kept):
        labels[position, [column[label] for label in rows[file].labels]] = True
    ids = [file.rpartition(".")[0] for file in kept]
    if len(set(ids)) < len(ids):  # a.jpg and a.png
        ids = list(kept)
    captions = [tuple(rows[file].captions) for file in kept]
    sizes = (listed.get(file, -1) for file in kept)
    return Dataset(
        name=name,
        ids=ids,
        labels=labels,
        captions=captions,
        class_names=tuple(classes),
        pictures=FilePictures(images, kept),
        fingerprint=content_fingerprint(name, ids, labels, captions, classes, sizes),
        notes=tuple(notes),
    )
