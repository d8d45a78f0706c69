"""Scores by parts: each part holds the histograms of some rows of the database, and they add up.

The counts of a query's items at each distance are whole numbers, so their sum over the parts is
that of the whole, whatever the order, and every score that follows from them is equal to the last
bit. Parts do not depend on the metrics but for two things, the distance and whether items are
counted by the number of shared labels; one set of parts serves all metrics that share both.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.codefiles.load import RetrievalTask
from hashbench.codefiles.scores import (
    TIES,
    ScoredCodes,
    metrics_of,
    needed_metrics,
    put_together,
)
from hashbench.errors import InputError
from hashbench.files import locks
from hashbench.files.part_files import (
    ArrayInPart,
    Header,
    PartFile,
    make_missing,
    read_part,
    write_part,
)
from hashbench.metrics.codes import Packed
from hashbench.metrics.histograms import (
    Counts,
    Histograms,
    Progress,
    count_histograms,
    levels_for,
    sum_shards,
)
from hashbench.metrics.metric import Distance, Metric
from hashbench.metrics.ranking import (
    Meter,
    by_distance,
    evaluate_histograms,
    needs_grades,
    query_blocks,
    why_not_from_histograms,
)

Report = Callable[[str, int, int], None]
"""(what, done, total), called as work goes on; a total of 0 is not known."""

MAX_PARTS = 100_000
MOST_DISCOUNTED = 1 << 27
"""Database items up to which nDCG@all is scored by parts: it holds 16 bytes for each."""

_ROWS_AT_ONCE = 1 << 18
_TIES = tuple(tie for tie in TIES if tie != "index")


@dataclass(frozen=True)
class Counted:
    """What is counted in one pass: items at each `distance`, by shared labels where `graded`."""

    distance: Distance
    graded: bool

    @property
    def name(self) -> str:
        return self.distance + ("-graded" if self.graded else "")


def why_not_by_parts(metric: Metric, items: int) -> str:
    """Why a metric cannot be scored by parts of a database of so many items; empty where it can."""
    if metric.cut == "all" and metric.card.discounts is not None and items > MOST_DISCOUNTED:
        return f"the discounts of {items:,} ranks would take {16 * items / 1e9:,.1f} GB of memory"
    return why_not_from_histograms(metric)


class ScoreParts:
    """The parts in which one task is scored by some metrics, as files in `folder`.

    Raises InputError for a metric that cannot be scored by parts, and for more parts than items.
    """

    def __init__(
        self, task: RetrievalTask, metrics: Sequence[Metric], parts: int, folder: Path
    ) -> None:
        self.task, self.parts, self.folder = task, parts, folder
        self.metrics = metrics_of(task, metrics)
        items = len(task.database)
        for metric in self.metrics:
            if reason := why_not_by_parts(metric, items):
                raise InputError(
                    f"{metric} cannot be scored by parts: {reason}",
                    where="--metric",
                    remedy="another tie rule or cut-off, or without --parts",
                )
        if not 1 <= parts <= min(items, MAX_PARTS):
            raise InputError(
                f"{parts:,} parts of a database of {items:,} items",
                where="--parts",
                remedy=f"from 1 to {min(items, MAX_PARTS):,}",
            )
        self._needed = needed_metrics(task, self.metrics, _TIES)
        self._counted = [
            Counted(distance, needs_grades(group))
            for distance, group in by_distance(self._needed).items()
        ]

    @property
    def name(self) -> str:
        """How the files of the parts begin."""
        path = Path(self.task.source)
        stem = (path.parent if path.name == "codes" else path).name.removesuffix(path.suffix)
        words = (stem or "codes", self.task.direction, f"{self.task.query.bits}b")
        return ".".join(filter(None, words))

    def files(self, part: int) -> list[Path]:
        """The files of a part, counted from 1: one, or one for each way of counting."""
        return [self._file(counted, part) for counted in self._counted]

    def missing(self) -> list[int]:
        """The parts that have not been made."""
        return [
            part
            for part in range(1, self.parts + 1)
            if not all(file.is_file() for file in self.files(part))
        ]

    def rows(self, part: int) -> slice:
        """The rows of the database that a part counts."""
        items = len(self.task.database)
        return slice(items * (part - 1) // self.parts, items * part // self.parts)

    def pairs(self, part: int) -> int:
        """How many pairs of query and database item a part counts, over all its files."""
        rows = self.rows(part)
        return len(self._counted) * len(self.task.query) * int(rows.stop - rows.start)

    def make(self, part: int, progress: Callable[[int], None], *, threads: int | None) -> bool:
        """Makes what is missing of a part; False, and nothing made, where another process is at it.

        A part that exists is read: `progress` is called with the pairs that are counted so far.
        Raises DamagedFileError or InputError for a file that cannot serve (`read_part`).
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locks.held(self.folder / f".{self.name}.{self._place(part)}.lock", 0) as mine:
            if not mine:
                return False
            done = 0
            for counted in self._counted:
                done += self._make_file(counted, part, done, progress, threads)
                progress(done)
        return True

    def join(self, *, interval: bool, seed: int, report: Report) -> ScoredCodes:
        """The scores of the whole. Raises InputError where a part is missing or of other inputs,
        DamagedFileError for a damaged one.
        """
        if missing := self.missing():
            raise InputError(
                f"{len(missing)} of {self.parts} parts are missing: "
                + ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else ""),
                where=self.folder,
                remedy=f"--part {missing[0]} makes one, --parts {self.parts} alone makes all",
            )  # fmt: skip
        read: dict[Distance, list[PartFile]] = {counted.distance: [] for counted in self._counted}
        for part in range(1, self.parts + 1):
            for counted in self._counted:
                of = self._inputs(counted, part)
                file = read_part(self._file(counted, part), of, part, self.parts)
                read[counted.distance].append(file)
            report("parts read", part, self.parts)
        grades = {counted.distance: counted for counted in self._counted}

        def blocks(distance: Distance) -> Iterator[Histograms]:
            counted = grades[distance]
            for rows in self._blocks(counted):
                # as many levels as this block needs by itself, which is what `evaluate` counts
                levels = levels_for(self.task.query_labels[rows], graded=counted.graded)
                yield sum_shards(
                    Histograms(np.array(file.array("counts")[rows, :, :levels]), counted.graded)
                    for file in read[distance]
                )

        scores = evaluate_histograms(blocks, self._needed, floors=True)
        by_metric = dict(zip(self._needed, scores, strict=True))
        report("facts of the codes", 0, 0)
        return put_together(self.task, self.metrics, by_metric, interval=interval, seed=seed)

    def _make_file(
        self,
        counted: Counted,
        part: int,
        before: int,
        progress: Callable[[int], None],
        threads: int | None,
    ) -> int:
        """Makes or reads one file of a part; the pairs that it counts."""
        path, of = self._file(counted, part), self._inputs(counted, part)
        if path.is_file():
            read_part(path, of, part, self.parts)
        else:
            header = Header(
                of, part, self.parts, {"counts": ArrayInPart("<i8", self._shape(counted))}
            )
            counts = self._counts(
                counted, part, lambda done, _: progress(before + done), threads=threads
            )
            write_part(path, header, counts)
        return self.pairs(part) // len(self._counted)

    def _place(self, part: int) -> str:
        width = len(str(self.parts))
        return f"part-{part:0{width}}-of-{self.parts}"

    def _file(self, counted: Counted, part: int) -> Path:
        return self.folder / f"{self.name}.{counted.name}.{self._place(part)}"

    def _shape(self, counted: Counted) -> tuple[int, int, int]:
        query = self.task.query
        return len(query), query.bits + 1, self._levels(counted)

    def _levels(self, counted: Counted) -> int:
        return levels_for(self.task.query_labels, graded=counted.graded)

    def _blocks(self, counted: Counted) -> list[slice]:
        return query_blocks(len(self.task.query), self.task.query.bits, self._levels(counted))

    def _counts(
        self, counted: Counted, part: int, progress: Progress, *, threads: int | None
    ) -> Iterator[Counts]:
        """The counts of a part, one block of queries after the other."""
        task, rows = self.task, self.rows(part)
        shard, labels = task.database[rows], task.database_labels[rows]
        meter = Meter(progress, len(task.query) * len(shard))
        levels = self._levels(counted)
        for some in self._blocks(counted):
            counts = count_histograms(
                task.query[some],
                shard,
                task.query_labels[some],
                labels,
                graded=counted.graded,
                distance=counted.distance,
                threads=threads,
                progress=meter.of_pass,
            ).counts
            yield np.pad(counts, ((0, 0), (0, 0), (0, levels - counts.shape[2])))

    def _inputs(self, counted: Counted, part: int) -> dict[str, Any]:
        """All that the counts of a part depend on."""
        task, rows = self.task, self.rows(part)
        return {
            "query codes": self._query_digests[0],
            "query labels": self._query_digests[1],
            "database codes": digest(task.database[rows]),
            "database labels": digest(task.database_labels[rows]),
            "rows": [rows.start, rows.stop],
            "database items": len(task.database),
            "bits": task.query.bits,
            "classes": task.query_labels.classes,
            "distance": counted.distance,
            "graded": counted.graded,
        }

    @functools.cached_property
    def _query_digests(self) -> tuple[str, str]:
        return digest(self.task.query), digest(self.task.query_labels)


def digest(packed: Packed) -> str:
    """32 hex digits of the words of codes or labels."""
    whole = hashlib.blake2b(digest_size=16)
    for start in range(0, len(packed), _ROWS_AT_ONCE):
        rows = packed.words[start : start + _ROWS_AT_ONCE]
        whole.update(np.ascontiguousarray(rows, "<u8").data)
    return whole.hexdigest()


def make_all(
    all_parts: Sequence[ScoreParts], report: Report, *, threads: int | None = None
) -> None:
    """Makes every part that is missing, first those that no other process is at; those of others
    are waited for, and made here where their maker dies. Raises as `ScoreParts.make` does.
    """
    wanted = [(each, part) for each in all_parts for part in range(1, each.parts + 1)]
    total, done = sum(each.pairs(part) for each, part in wanted), 0

    def make(each: ScoreParts, part: int) -> bool:
        nonlocal done
        made = each.make(part, lambda more: report("pairs", done + more, total), threads=threads)
        done += each.pairs(part) if made else 0
        return made

    makers = [functools.partial(make, each, part) for each, part in wanted]
    make_missing(makers, lambda: report("waiting for other processes", 0, 0))
