"""What a person asked the doctor to look at: a dataset's name, or a folder or file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hashbench.datasets import custom
from hashbench.datasets.base import Dataset
from hashbench.datasets.featureset.dataset import SPLIT, SUFFIXES, WHOLE
from hashbench.datasets.packaged import parts
from hashbench.errors import InputError
from hashbench.files import array_files
from hashbench.plan import catalog, custom_registry
from hashbench.plan.card import DatasetCard, Value

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")

_PICTURE = re.compile(r"im\d+\.jpg")
_JSON = re.compile(r"(captions|instances)_.+\.json")
_KINDS = (
    "a folder with COCO's annotations/, MIRFlickr's annotations/ and meta/tags/, NUS-WIDE's"
    " Groundtruth/, IAPR TC-12's annotations_complete_eng/, packaged files, a file of features, or"
    " a table beside its pictures"
)


@dataclass(frozen=True)
class Target:
    """A dataset to look at: its name, how it is loaded, and its card where it has one."""

    name: str
    load: Callable[[], Dataset]
    card: DatasetCard | None = None


def find_target(what: str, data_dir: Path) -> Target:
    """The dataset of that name, or the one that a folder or file holds.

    Raises UnknownNameError for what is neither, InputError for a path that holds no dataset.
    """
    path = Path(what)
    known = what in catalog.datasets() or what in custom_registry.names(data_dir)
    if known or not (path.exists() or path.suffix or os.sep in what):
        return _by_name(what, data_dir)
    if not path.exists():
        raise InputError("is not there", where=path, remedy="the name of a dataset, or a path")
    return _in_folder(path) if path.is_dir() else _of_file(path)


def _by_name(name: str, data_dir: Path, **changed: Value) -> Target:
    card = catalog.dataset(name, data_dir, where="datasets check")
    values: dict[str, Value] = {param.name: param.default for param in card.params}
    values |= {**card.presets.get(name, {}), **changed}
    if name == "packaged":
        values["missing"] = "keep"  # everything else can be looked at without the pictures
    return Target(name, lambda: catalog.load(card.entry)(data_dir, values), card)


def _in_folder(path: Path) -> Target:
    if (path / custom_registry.FILE).is_file():
        card = custom_registry.card(path / custom_registry.FILE)
        found = custom_registry.read(path / custom_registry.FILE)
        return Target(card.name, lambda: custom.read(card.name, found, path), card)
    names = {entry.name for entry in path.iterdir()}
    tables = sorted(name for name in names if name.lower().endswith(TABLES))
    signs = {
        "coco": "annotations" in names and _has_json(path / "annotations"),
        "nuswide": "Groundtruth" in names,
        "iaprtc12": "annotations_complete_eng" in names,
        "packaged": any(parts.find(path, part) for part in parts.FILES),
        "mirflickr25k": bool(names & {"meta", "mirflickr"}) or any(map(_PICTURE.fullmatch, names)),
        "featureset": any(name.lower().endswith(SUFFIXES) for name in names),
    }
    name = next((name for name, there in signs.items() if there), None)
    if name in {None, "featureset"} and len(tables) == 1:
        return _of_file(path / tables[0])
    if name is None:
        raise InputError("holds no dataset that is known", where=path, remedy=_KINDS)
    return _by_name(name, path)


def _has_json(folder: Path) -> bool:
    return folder.is_dir() and any(_JSON.fullmatch(entry.name) for entry in folder.iterdir())


def _of_file(path: Path) -> Target:
    suffix = path.suffix.lower()
    if suffix in TABLES:
        inside = path.parent / "images"
        images = inside if inside.is_dir() else path.parent
        return Target(path.stem, lambda: custom.read_pictures(path.stem, path, images))
    if _JSON.fullmatch(path.name):
        return _by_name("coco", path.parent.parent)
    if any(path.name in names for names in parts.FILES.values()):
        return _by_name("packaged", path.parent)
    if suffix in SUFFIXES:
        present = array_files.contents(path)
        if any(key in present for keys in (*SPLIT.values(), *WHOLE.values()) for key in keys):
            return _by_name("featureset", path.parent, file=path.name)
    raise InputError("is no dataset that is known", where=path, remedy=_KINDS)
