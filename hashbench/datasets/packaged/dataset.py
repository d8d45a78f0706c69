"""Puts packaged captions, image names and labels together, and finds the pictures."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import BoolArray, Dataset
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.label_columns import names_by_counts
from hashbench.datasets.left_out import plural
from hashbench.datasets.packaged import CARD, FILES, PICTURE_FOLDERS, parts
from hashbench.datasets.pictures import FilePictures, list_files, safe_name
from hashbench.datasets.text_files import read_lines
from hashbench.errors import DamagedFileError, InputError
from hashbench.plan.card import Value


def load(data_dir: Path, params: Mapping[str, Value]) -> Dataset:
    """The items in the order of the files; those without any label are left out.

    Image names are often paths of another machine: the end of a path that is found below the image
    folder is used. A missing one stops the loading, since a smaller set is another
    protocol, unless `missing` is `leave out` or `keep`. Ids are file names without their ending.
    Label columns are named by classes.txt, or by exact agreement with a known set's counts.
    Raises InputError for missing files, DamagedFileError for broken ones or for parts of different
    lengths.
    """
    folder = availability.find_folder(CARD, data_dir, params) or data_dir
    paths = {part: availability.require_part(CARD, folder, part) for part in FILES}
    captions = parts.captions(paths["captions"])
    written = parts.index(paths["index"])
    labels = parts.labels(paths["labels"])
    lengths = {"captions": len(captions), "index": len(written), "labels": len(labels)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{paths[part].name} has {n:,}" for part, n in lengths.items())
        raise DamagedFileError(
            f"the parts differ in length: {listed}",
            where=folder,
            remedy="take all three files from the same package",
        )
    # columns are named before items are left out: published counts are over all of them
    names, notes = class_names(folder, labels)
    files, sizes = _find_pictures(folder, written, paths["index"])
    missing = [item for item, name in enumerate(files) if not name]
    if missing and params["missing"] == "stop":
        first = missing[0]
        raise InputError(
            f"{len(missing):,} of {len(files):,} pictures are not in the image folder; the first is"
            f" {written[first][:200]!r}",
            where=f"{paths['index']}: item {first}",
            remedy=f"put them into {folder / PICTURE_FOLDERS[0]}, or leave such items out by"
            " --dataset packaged-partial",
        )
    if missing and params["missing"] == "leave out":
        notes.append(f"left out {plural(len(missing), 'item')} without a picture")
    elif missing:
        for item in missing:
            files[item] = f"{PICTURE_FOLDERS[0]}/{_base(written[item])}"
    # nothing is relevant to an item without a label
    labelled = np.logical_or.reduce(labels, axis=1)
    keep = [item for item in np.flatnonzero(labelled).tolist() if files[item]]
    if unlabelled := int((~labelled).sum()):
        notes.append(f"left out {plural(unlabelled, 'item')} without a label")
    if not keep:
        raise InputError("no item has a picture and a label", where=folder)
    ids = _ids([files[item] for item in keep])
    chosen = [captions[item] for item in keep]
    return Dataset(
        name="packaged",
        ids=ids,
        labels=labels[keep],
        captions=chosen,
        class_names=names,
        pictures=FilePictures(folder, [files[item] for item in keep]),
        fingerprint=content_fingerprint(
            "packaged", ids, labels[keep], chosen, names, (sizes[item] for item in keep)
        ),
        notes=tuple(notes),
    )


def class_names(folder: Path, labels: BoolArray) -> tuple[tuple[str, ...], list[str]]:
    """The names of the label columns, and remarks on where they come from."""
    path = folder / "classes.txt"
    count = labels.shape[1]
    if path.is_file():
        names = tuple(read_lines(path, "one name a line"))
        if len(names) != count or len(set(names)) != count or not all(names):
            raise DamagedFileError(
                f"has {len(set(names) - {''}):,} different names for {count:,} label columns",
                where=path,
                remedy="one name a line, in the order of the columns",
            )
        return names, []
    known = names_by_counts(labels)
    if known is not None:
        return known.names, [
            f"label columns named by their counts, which are those of {known.source}"
        ]
    remark = f"the {count} label columns have no names; list them in {path.name}, one a line"
    return tuple(f"class {column + 1}" for column in range(count)), [remark]


def _find_pictures(
    folder: Path, written: Sequence[str], source: Path
) -> tuple[list[str], list[int]]:
    """File below `folder` (empty where none is) and bytes for each image name."""
    roots = [name for name in PICTURE_FOLDERS if (folder / name).is_dir()]
    sizes = {
        f"{root}/{name}" if root else name: size
        for root in roots or [""]
        for name, size in list_files(folder / root).items()
    }
    by_name = collections.defaultdict(list)
    for name in sizes:
        by_name[name.rpartition("/")[2]].append(name)
    files = []
    for item, name in enumerate(written):
        where = f"{source}: item {item}"
        plain = name.strip().replace("\\", "/").lstrip("/")
        if plain[1:2] == ":":  # a drive of Windows
            plain = plain[2:].lstrip("/")
        files.append(_best(safe_name(plain, where=where), by_name, where))
    return files, [sizes.get(name, -1) for name in files]


def _base(name: str) -> str:
    return name.strip().replace("\\", "/").rpartition("/")[2]


def _best(name: str, by_name: Mapping[str, list[str]], where: str) -> str:
    """The file of that name that shares most of the path's end; empty if none does."""
    wanted = PurePosixPath(name).parts
    candidates = by_name.get(wanted[-1], [])
    if len(candidates) <= 1:
        return candidates[0] if candidates else ""

    def shared(candidate: str) -> int:
        ends = zip(reversed(wanted), reversed(PurePosixPath(candidate).parts), strict=False)
        return next((n for n, (a, b) in enumerate(ends) if a != b), len(wanted))

    ranked = sorted(candidates, key=shared, reverse=True)
    if shared(ranked[0]) == shared(ranked[1]):
        raise InputError(
            f"{name!r} may be {ranked[0]} or {ranked[1]}",
            where=where,
            remedy="keep one picture of that name, or write more of the path into the index",
        )
    return ranked[0]


def _ids(files: Sequence[str]) -> list[str]:
    """File names without their ending, or paths where those are not unique, then numbered."""
    ids = [PurePosixPath(name).stem for name in files]
    if len(set(ids)) < len(ids):
        ids = [name.rpartition(".")[0] for name in files]
    seen: collections.Counter[str] = collections.Counter()
    for position, item in enumerate(ids):
        seen[item] += 1
        if seen[item] > 1:
            ids[position] = f"{item}#{seen[item]}"
    return ids
