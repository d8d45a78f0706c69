"""Exact scores of 100 million codes by parts, and what a billion would take.

    python tests/benchmarks/bench_parts.py                     # 10^8 codes of 64 bits in /tmp
    python tests/benchmarks/bench_parts.py --items 10000000    # fewer

Codes and labels are made up and lie in memory-mapped files. They are scored as a whole and by
parts, which must agree to the last bit. A billion is scored by simulation: the parts of ten
databases whose codes are the same shards, so that every count is ten times what it was, and the
scores must be those of the counts times ten. The cost of a pair, measured with more queries than
that, gives the time on paper.
"""

from __future__ import annotations

import argparse
import functools
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.codefiles.load import RetrievalTask, load_files
from hashbench.codefiles.read_options import ReadOptions
from hashbench.codefiles.score_parts import ScoreParts
from hashbench.metrics.histograms import Histograms, count_histograms, sum_shards, usable_cpus
from hashbench.metrics.metric import parse_metrics
from hashbench.metrics.ranking import evaluate, evaluate_histograms

BITS, CLASSES = 64, 24
METRICS = parse_metrics("mAP@all P@100 P@r2")
TIMES = 10


def written(folder: Path, items: int, queries: int) -> RetrievalTask:
    """Made-up codes, mapped: each class has a centre, from which an item differs in random bits."""
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 1 << 64, CLASSES, np.uint64)
    for name, rows in (("query", queries), ("database", items)):
        codes, labels = (
            np.lib.format.open_memmap(
                folder / f"{name}{kind}.npy", "w+", dtype=np.uint64, shape=(rows, 1)
            )
            for kind in ("", "_labels")
        )
        for start in range(0, rows, 1 << 20):
            part = slice(start, min(start + (1 << 20), rows))
            count = part.stop - start
            classes = rng.integers(0, CLASSES, count)
            # of two random words, a bit is set in both with a chance of a quarter
            noise = np.bitwise_and.reduce(rng.integers(0, 1 << 64, (2, count), np.uint64))
            codes[part, 0] = centres[classes] ^ noise
            labels[part, 0] = np.uint64(1) << classes.astype(np.uint64)
    options = ReadOptions(
        query_labels=str(folder / "query_labels.npy"),
        database_labels=str(folder / "database_labels.npy"),
        labels_as="packed",
        bits=BITS,
    )
    (task,) = load_files([folder / "query.npy", folder / "database.npy"], options)
    return task


def timed(what: str, work: Callable[[], object]) -> float:
    """Processor seconds of some work, printed with the wall clock's and the memory."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    used = time.process_time() - processor
    print(
        f"{what:44} {time.perf_counter() - wall:8.1f} s  processor {used:7.1f} s  "
        f"anonymous {anonymous_mb():6.0f} MB, at most "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.0f} MB with mapped files",
        flush=True,
    )
    return used


def anonymous_mb() -> float:
    """Memory of this process that is not a mapped file, in MB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def unheard(*_: object) -> None:
    """Progress that nobody watches."""


def pair_cost(task: RetrievalTask, threads: int, queries: int = 500, items: int = 1 << 20) -> float:
    """Processor nanoseconds a pair, of many queries on a piece of the database."""
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, len(task.database), queries)
    sides = (
        task.database[np.sort(chosen)],
        task.database[:items],
        task.database_labels[np.sort(chosen)],
        task.database_labels[:items],
    )
    count_histograms(*sides, threads=threads)
    began = time.process_time()
    count_histograms(*sides, threads=threads)
    return (time.process_time() - began) / (queries * min(items, len(task.database))) * 1e9


def simulated(task: RetrievalTask, parts: ScoreParts) -> None:
    """Ten times the database, a shard at a time: the counts add up as the parts of it do."""

    def shards() -> Iterator[Histograms]:
        for part in range(1, parts.parts + 1):
            rows = parts.rows(part)
            shard = count_histograms(
                task.query, task.database[rows], task.query_labels, task.database_labels[rows]
            )
            for _ in range(TIMES):
                yield shard

    whole = sum_shards(shards())
    times_ten = Histograms(
        TIMES
        * count_histograms(
            task.query, task.database, task.query_labels, task.database_labels
        ).counts,
        graded=False,
    )
    items = int(whole.items[0].sum())
    by_shards, by_counts = (
        evaluate_histograms(lambda _: [one], METRICS, floors=True)[0]  # noqa: B023  # called here
        for one in (whole, times_ten)
    )
    assert items == TIMES * len(task.database)
    assert by_shards.value == by_counts.value
    print(f"simulation of {items:,} codes: mAP@all = {by_shards.value:.6f}, equal to the bit")


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000_000)
    parser.add_argument("--queries", type=int, default=8)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--threads", type=int, default=usable_cpus())
    parser.add_argument("--folder", default=None, help="where the files are written")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        tasks: list[RetrievalTask] = []
        timed(
            f"{given.items:,} codes made up",
            lambda: tasks.append(written(folder, given.items, given.queries)),
        )
        (task,) = tasks
        parts = ScoreParts(task, METRICS, given.parts, folder / "parts")
        for part in range(given.parts, 0, -1):
            make = functools.partial(parts.make, part, unheard, threads=given.threads)
            timed(f"part {part} of {given.parts}", make)
        results: list[Any] = []
        timed("join", lambda: results.append(parts.scores(unheard)))
        sides = task.query, task.database, task.query_labels, task.database_labels
        timed(
            "whole",
            lambda: results.append(evaluate(*sides, METRICS, floors=True, threads=given.threads)),
        )
        joined, whole = results
        for theirs in whole:
            mine = joined[theirs.metric]
            assert mine.per_query.tobytes() == theirs.per_query.tobytes()
            assert (mine.value, mine.floor) == (theirs.value, theirs.floor)
            print(f"{mine.metric} = {mine.value:.6f}, by parts equal to the bit")
        size = sum(file.stat().st_size for part in range(1, given.parts + 1)
                   for file in parts.files(part))  # fmt: skip
        print(f"parts: {size / given.parts / given.queries:,.0f} bytes a query each")
        cost = pair_cost(task, given.threads)
        print(f"{cost:.3f} ns a pair (processor), {given.threads} threads")
        for queries in (1000, 5000):
            hours = queries * 1e9 * cost * 1e-9 / 3600
            print(
                f"on paper, {queries:,} x 10^9 pairs: {hours:.2f} processor hours, "
                f"{60 * hours / 64:.1f} minutes on 64 processors"
            )
        simulated(task, parts)


if __name__ == "__main__":
    main()
