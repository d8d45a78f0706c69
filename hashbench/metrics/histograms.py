"""Per-query histograms over Hamming distance: all that an exact, tie-aware score needs.

The database is read in pieces of about a megabyte, queries are shared out over threads, and the
histograms of database shards add up to the histogram of the whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.kernels import count_pairs, walk_pairs

if TYPE_CHECKING:
    from hashbench.metrics.metric import Distance

Counts = NDArray[np.int64]
Values = NDArray[np.float64]
RankingInputs = tuple[Codes, Codes, LabelMasks, LabelMasks]
"""Query codes, database codes, query labels, database labels."""
Progress = Callable[[int, int], None]  # pairs done, pairs in all

_PIECE_WORDS = 1 << 17  # code and label words of one piece of the database: 1 MiB
_PIECE_ITEMS = 4096  # but at least as many items, so that a histogram is worth its reduction

_BYTE = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)
DISTANCE_TABLES: dict[Distance, NDArray[np.uint8]] = {
    "hamming": np.zeros(0, np.uint8),  # no table: the popcount instruction
    "adsh": np.minimum(_BYTE, 7).astype(np.uint8),
}


@dataclass(frozen=True, eq=False)
class Histograms:
    """`counts` (Q, bits + 1, levels) int64: database items of each query at each distance.

    The level of an item is 1 where it shares a label with the query, else 0; or, where `graded`,
    the number of shared labels.
    """

    counts: Counts
    graded: bool

    @cached_property
    def items(self) -> Counts:
        """(Q, bits + 1) database items at each distance."""
        return np.asarray(self.counts.sum(axis=2))

    @cached_property
    def relevant(self) -> Counts:
        """(Q, bits + 1) items that share at least one label with the query."""
        return np.asarray(self.counts[:, :, 1:].sum(axis=2))

    def __add__(self, other: Histograms) -> Histograms:
        """The histograms of two database shards together, for the same queries."""
        if self.graded != other.graded or self.counts.shape != other.counts.shape:
            raise InputError(
                f"histograms of {self.counts.shape} and {other.counts.shape} do not add up",
                remedy="shards need the same queries, bits and grading",
            )
        return Histograms(self.counts + other.counts, self.graded)


def sum_shards(shards: Iterable[Histograms]) -> Histograms:
    """The exact histograms of a database from those of its shards, in any order."""
    left = iter(shards)
    first = next(left, None)
    if first is None:
        raise InputError("no shard to add up")
    return reduce(add, left, first)


def count_histograms(
    query_codes: Codes,
    database_codes: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    *,
    graded: bool = False,
    distance: Distance = "hamming",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Histograms:
    """Histograms of every query over the whole database, or over one shard of it.

    Raises InputError where the sides do not fit each other.
    """
    check_inputs(query_codes, database_codes, query_labels, database_labels)
    levels = levels_for(query_labels, graded=graded)
    counts = np.zeros((len(query_codes), query_codes.bits + 1, levels), np.int64)
    flat = counts.reshape(len(query_codes), -1)
    table = DISTANCE_TABLES[distance]

    def one_piece(rows: slice, codes: Any, masks: Any, words: Any, label_words: Any) -> None:
        count_pairs(codes, masks, words, label_words, levels, graded, table, flat[rows])

    inputs = query_codes, database_codes, query_labels, database_labels
    _over_database(one_piece, inputs, threads, progress)
    return Histograms(counts, graded)


@dataclass(frozen=True, eq=False)
class DatabaseWalk:
    """Sums over one walk in database order, at the cut-offs asked for.

    `precision_sum`, `hits` and `gain_sum` (Q, A) belong to the first K ranks for each K of
    `rank_cuts`; `first_sum` (Q, B) to the first K relevant items for each K of `first_cuts`.
    """

    rank_cuts: tuple[int, ...]
    first_cuts: tuple[int, ...]
    precision_sum: NDArray[np.float64]
    hits: NDArray[np.float64]
    gain_sum: NDArray[np.float64]
    first_sum: NDArray[np.float64]


def walk_in_order(
    histograms: Histograms,
    query_codes: Codes,
    database_codes: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    *,
    rank_cuts: Iterable[int],
    first_cuts: Iterable[int] = (),
    discounts: NDArray[np.float64] | None = None,
    gains: NDArray[np.float64] | None = None,
    distance: Distance = "hamming",
    threads: int | None = None,
    progress: Progress | None = None,
) -> DatabaseWalk:
    """Rank every item with ties in database order, given the histograms of the same inputs.

    `discounts[i]` is the discount of rank i, `gains[level]` the gain of a level; both or neither.
    Raises InputError for a database of 2^32 items or more.
    """
    ranks_asked, firsts_asked = sorted(set(rank_cuts)), sorted(set(first_cuts))
    queries, levels = len(query_codes), histograms.counts.shape[2]
    if len(database_codes) >= 1 << 32:
        raise InputError("tie=index ranks at most 2^32 - 1 database items")
    # A cursor of each query and distance starts behind all nearer items: rank in the low half of
    # the word, hits in the high half, so that the kernel moves both with one addition.
    nearer, nearer_hits = (
        (np.cumsum(counts, axis=1) - counts).astype(np.uint64)
        for counts in (histograms.items, histograms.relevant)
    )
    cursors = nearer | nearer_hits << np.uint64(32)
    shift = (levels - 1).bit_length()
    by_rank = np.zeros((queries, len(ranks_asked), 3))
    by_first = np.zeros((queries, len(firsts_asked)))
    rank_array, first_array = np.array(ranks_asked, np.int64), np.array(firsts_asked, np.int64)
    table = DISTANCE_TABLES[distance]
    discounts = np.zeros(0) if discounts is None else discounts
    gains = np.zeros(levels) if gains is None else gains

    def one_piece(rows: slice, codes: Any, masks: Any, words: Any, label_words: Any) -> None:
        walk_pairs(codes, masks, words, label_words, shift, histograms.graded, table,
                   cursors[rows], rank_array, first_array, discounts, gains, by_rank[rows],
                   by_first[rows])  # fmt: skip

    inputs = query_codes, database_codes, query_labels, database_labels
    _over_database(one_piece, inputs, threads, progress)
    return DatabaseWalk(
        tuple(ranks_asked),
        tuple(firsts_asked),
        precision_sum=by_rank[:, :, 0],
        hits=by_rank[:, :, 1],
        gain_sum=by_rank[:, :, 2],
        first_sum=by_first,
    )


def check_inputs(
    query_codes: Codes,
    database_codes: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
) -> None:
    """InputError unless both sides have items, equal bits and classes, and labels for each code."""
    if query_codes.bits != database_codes.bits:
        raise InputError(
            f"query codes have {query_codes.bits} bits, database codes {database_codes.bits}"
        )
    if query_labels.classes != database_labels.classes:
        raise InputError(
            f"query labels have {query_labels.classes} classes, "
            f"database labels {database_labels.classes}"
        )
    sides = (("query", query_codes, query_labels), ("database", database_codes, database_labels))
    for side, codes, labels in sides:
        if len(codes) != len(labels):
            raise InputError(f"{side}: {len(codes)} codes but {len(labels)} label rows")
        if len(codes) == 0:
            raise InputError(f"{side}: there are no items")


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def levels_for(query_labels: LabelMasks, *, graded: bool) -> int:
    """Levels of the histograms: 2, or where graded one more than the most labels of a query."""
    if not graded:
        return 2
    step = max(1, (1 << 22) // query_labels.classes)
    most = max(
        int(query_labels[start : start + step].to_bools().sum(axis=1).max())
        for start in range(0, len(query_labels), step)
    )
    return max(most, 1) + 1


def _over_database(
    one_piece: Callable[..., None],
    inputs: RankingInputs,
    threads: int | None,
    progress: Progress | None,
) -> None:
    """Call `one_piece` for each piece of the database, in order, and each share of the queries."""
    query_codes, database_codes, query_labels, database_labels = inputs
    codes, masks = (np.array(side.words) for side in (query_codes, query_labels))
    threads = usable_cpus() if threads is None else threads
    share = -(-len(codes) // (4 * threads))
    rows = [slice(start, start + share) for start in range(0, len(codes), share)]
    done, pairs = 0, len(codes) * len(database_codes)
    with ThreadPoolExecutor(threads) as pool:
        for words, label_words in _pieces(database_codes, database_labels):
            tasks = [
                pool.submit(one_piece, part, codes[part], masks[part], words, label_words)
                for part in rows
            ]
            for task in tasks:
                task.result()
            done += len(codes) * words.shape[1]
            if progress is not None:
                progress(done, pairs)


def _pieces(codes: Codes, labels: LabelMasks) -> Iterator[tuple[Any, Any]]:
    """Pieces of the database as columns of words: copies, so that a kernel sees one array type."""
    width = codes.words.shape[1] + labels.words.shape[1]
    step = max(_PIECE_ITEMS, _PIECE_WORDS // width)
    for start in range(0, len(codes), step):
        rows = slice(start, start + step)
        yield np.array(codes.words[rows].T, order="C"), np.array(labels.words[rows].T, order="C")
