"""Checks of picture files: all are decoded once, in parallel; the results are kept."""

from __future__ import annotations

import collections
import hashlib
import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from hashbench.datasets.base import Dataset
from hashbench.datasets.doctor.findings import Finding, Level, first_few
from hashbench.datasets.left_out import plural
from hashbench.datasets.pictures import MISSING, FilePictures, NoPictures, read_picture
from hashbench.datasets.splits import Split
from hashbench.errors import DamagedFileError

_BLOCK = 1024

Progress = Callable[[int, int], None]
"""(done, total), called as pictures are read."""


class PictureReport(msgspec.Struct, frozen=True):
    """One line of the kept results: a file as it was, what is wrong with it, its pixels' digest."""

    file: str
    bytes: int
    mtime: int
    problem: str = ""
    digest: str = ""


def check_pictures(
    dataset: Dataset, cache: Path | None, workers: int, progress: Progress | None
) -> tuple[list[Finding], list[list[int]] | None]:
    """Findings about the pictures, and the groups of items with identical ones.

    Results are appended to a file in the folder `cache`, so that an interrupted check goes on and
    a second one only looks for changes. There are no groups where pictures are no files.
    """
    pictures = dataset.pictures
    if isinstance(pictures, NoPictures):
        return [], None
    if not isinstance(pictures, FilePictures):
        message = "pictures are drawn when they are read, from no files"
        return [Finding("pictures", Level.OK, message)], None
    absent = set(pictures.missing())
    if len(absent) == len(dataset):
        return list(check_presence(dataset)), None
    reports = _decode(pictures, absent, _results(dataset, pictures, cache), workers, progress)
    broken = {item: report.problem for item, report in reports.items() if report.problem}
    by_digest = collections.defaultdict(list)
    for item, report in reports.items():
        if not report.problem:
            by_digest[report.digest].append(item)
    copies = [group for group in by_digest.values() if len(group) > 1]
    return [_readable(dataset, broken | dict.fromkeys(absent, MISSING))], copies


def check_presence(dataset: Dataset) -> Iterator[Finding]:
    """A finding about missing pictures, without decoding any."""
    if not isinstance(dataset.pictures, FilePictures):
        return
    absent = dataset.pictures.missing()
    if not absent:
        return
    names = first_few([dataset.ids[item] for item in absent])
    every = len(absent) == len(dataset)
    yield Finding(
        "pictures",
        Level.PROBLEM,
        f"all {len(dataset):,} pictures are missing: only labels and captions were examined"
        if every
        else f"{len(absent):,} of {len(dataset):,} pictures are missing: {names}",
        f"put them into {dataset.pictures.root}; without them nothing can be trained",
        {"missing": len(absent)},
    )


def _readable(dataset: Dataset, broken: Mapping[int, str]) -> Finding:
    if not broken:
        return Finding("pictures", Level.OK, f"all {len(dataset):,} pictures can be read")
    items = sorted(broken)
    names = [f"{dataset.ids[item]}: {broken[item]}" for item in items]
    return Finding(
        "pictures",
        Level.PROBLEM,
        f"{len(broken):,} of {len(dataset):,} pictures cannot be read: {first_few(names)}",
        "fetch them again; a run stops at the first, or leaves them out with --on-bad-image skip",
        {"unreadable": [dataset.ids[item] for item in items]},
    )


def check_duplicates(
    dataset: Dataset, groups: Sequence[Sequence[int]], splits: Sequence[Split]
) -> Iterator[Finding]:
    """Findings about identical pictures under several ids, and about those across a split."""
    if not groups:
        yield Finding("duplicates", Level.OK, "no two pictures are identical")
        return
    copies = sum(len(group) - 1 for group in groups)
    contrary = sum(
        bool((dataset.labels[list(group)] != dataset.labels[group[0]]).any()) for group in groups
    )
    examples = [" = ".join(dataset.ids[item] for item in group[:3]) for group in groups]
    across = {split.name: _across(groups, split) for split in splits}
    crossing = [f"{count:,} in the split {name}" for name, count in across.items() if count]
    message = (
        f"{plural(copies, 'picture')} identical to another one, pixel by pixel"
        f" ({first_few(examples, 3)})"
    )
    if contrary:
        message += f"; {contrary:,} of {len(groups):,} groups have different labels"
    if crossing:
        message += f"; queries with a copy in the database: {', '.join(crossing)}"
    yield Finding(
        "duplicates",
        Level.WARNING if crossing or copies > 0.01 * len(dataset) else Level.NOTE,
        message,
        "mention it with the results; a copy in the database is an easy hit",
        {"copies": copies, "contradicting": contrary, "queries_with_copies": across},
    )


def _across(groups: Sequence[Sequence[int]], split: Split) -> int:
    """Queries that have a copy in the database."""
    side = np.zeros(int(max(split.query.max(), split.database.max())) + 1, dtype=np.int8)
    side[split.query], side[split.database] = 1, 2
    inside = [[side[item] for item in group if item < len(side)] for group in groups]
    return sum(sides.count(1) for sides in inside if 2 in sides)


def _results(dataset: Dataset, pictures: FilePictures, cache: Path | None) -> Path | None:
    """The file of kept results of this dataset in this place; None where none can be written."""
    if cache is None:
        return None
    place = hashlib.sha256(str(pictures.root.resolve()).encode()).hexdigest()[:12]
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:  # the check works without kept results, only slower the next time
        return None
    if not os.access(cache, os.W_OK):
        return None
    return cache / f"{dataset.name}.{place}.jsonl"


def _decode(
    pictures: FilePictures,
    absent: Container[int],
    results: Path | None,
    workers: int,
    progress: Progress | None,
) -> dict[int, PictureReport]:
    """Item -> what is known of its picture if it has one; decodes new and changed ones."""
    kept = _kept(results)
    items = [item for item in range(len(pictures.files)) if item not in absent]

    def report(item: int) -> PictureReport:
        name = pictures.files[item]
        try:
            status = (pictures.root / name).stat()
        except OSError as error:
            return PictureReport(name, -1, -1, problem=f"cannot be read: {error.strerror}")
        size, mtime = status.st_size, status.st_mtime_ns
        known = kept.get(name)
        if known is not None and (known.bytes, known.mtime) == (size, mtime):
            return known
        try:
            picture = read_picture(pictures.root / name)
        except DamagedFileError as error:
            return PictureReport(name, size, mtime, problem=error.problem)
        digest = hashlib.blake2b(str(picture.size).encode(), digest_size=16)
        digest.update(picture.tobytes())
        return PictureReport(name, size, mtime, digest=digest.hexdigest())

    reports: dict[int, PictureReport] = {}
    encoder = msgspec.json.Encoder()
    with ThreadPoolExecutor(workers) as pool:
        # block by block, so that an interrupted check has kept what it decoded
        for start in range(0, len(items), _BLOCK):
            block = dict(
                zip(
                    items[start : start + _BLOCK],
                    pool.map(report, items[start : start + _BLOCK]),
                    strict=True,
                )
            )
            new = [known for known in block.values() if kept.get(known.file) is not known]
            if results is not None and new:
                with results.open("ab") as file:
                    file.write(b"".join(encoder.encode(known) + b"\n" for known in new))
            reports |= block
            if progress is not None:
                progress(len(reports), len(items))
    return reports


def _kept(results: Path | None) -> dict[str, PictureReport]:
    """The kept results by file; torn or foreign lines are passed over, their files read again."""
    if results is None or not results.is_file():
        return {}
    decoder = msgspec.json.Decoder(PictureReport)
    kept = {}
    for line in results.read_bytes().splitlines():
        try:
            report = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        kept[report.file] = report
    return kept
