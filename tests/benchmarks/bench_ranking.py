"""Speed of the evaluator against the per-query sort loop of the field, and its memory.

    python tests/benchmarks/bench_ranking.py            # NUS-WIDE size, both timed in one run
    python tests/benchmarks/bench_ranking.py --large    # 10 million codes in memory-mapped files

The loop is the usual one: distances of one query by a matrix product, a sort, the mean precision
at the relevant ranks. It is timed on evenly spaced queries, since each costs the same.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.histograms import usable_cpus
from hashbench.metrics.metric import parse_metrics
from hashbench.metrics.ranking import evaluate


def sort_loop(
    query: torch.Tensor, database: torch.Tensor, query_labels: torch.Tensor, labels: torch.Tensor
) -> float:
    """mAP@all as cross-modal hashing code bases compute it, one query after the other."""
    total = torch.zeros(())
    for i in range(len(query)):
        relevant = ((query_labels[i : i + 1] @ labels.T) > 0).float().squeeze(0)
        count = int(relevant.sum())
        if count == 0:
            continue
        distance = 0.5 * (query.shape[1] - query[i : i + 1] @ database.T).squeeze(0)
        relevant = relevant[torch.sort(distance).indices]
        ranks = torch.nonzero(relevant).squeeze(1).float() + 1
        total += (torch.arange(1, count + 1) / ranks).mean()
    return float(total / len(query))


def synthetic(
    rng: np.random.Generator, items: int, bits: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels with about two classes an item, and codes that follow them with noise."""
    labels = rng.random((items, classes)) < 2 / classes
    labels[np.arange(items), rng.integers(0, classes, items)] = True
    directions = np.random.default_rng(0).standard_normal((classes, bits)).astype(np.float32)
    noise = rng.standard_normal((items, bits), dtype=np.float32)
    return np.where(labels.astype(np.float32) @ directions + noise > 0, 1.0, -1.0), labels


def against_the_loop(arguments: argparse.Namespace) -> None:
    threads = arguments.threads or usable_cpus()
    torch.set_num_threads(threads)
    rng = np.random.default_rng(1)
    q, ql = synthetic(rng, arguments.queries, arguments.bits, arguments.classes)
    d, dl = synthetic(rng, arguments.database, arguments.bits, arguments.classes)
    query, database = Codes.from_signs(q), Codes.from_signs(d)
    query_labels, labels = LabelMasks.from_multi_hot(ql), LabelMasks.from_multi_hot(dl)
    metrics = parse_metrics(arguments.metrics)
    first = clock()
    evaluate(query, database, query_labels, labels, metrics, threads=threads)
    print(
        f"{arguments.queries} x {arguments.database}, {arguments.bits} bits, "
        f"{arguments.classes} classes, {threads} threads on {usable_cpus()} CPUs; "
        f"first call {since(first)[0]:.2f} s; loop timed on {arguments.loop_queries} queries"
    )
    few = np.linspace(0, arguments.queries - 1, arguments.loop_queries).astype(int)
    few_q, few_ql = torch.tensor(q[few], dtype=torch.float32), torch.tensor(ql[few]).float()
    all_d, all_dl = torch.tensor(d, dtype=torch.float32), torch.tensor(dl).float()
    pairs = arguments.queries * arguments.database
    print(f"{'':13}{'loop s':>9} {'ours s':>8} {'ns/pair':>8} {'ratio':>7}")
    for _ in range(arguments.rounds):
        start = clock()
        loop_value = sort_loop(few_q, all_d, few_ql, all_dl)
        loop = since(start) * arguments.queries / len(few)
        start = clock()
        scores = evaluate(query, database, query_labels, labels, metrics, threads=threads)
        ours = since(start)
        # On a busy machine the processor time is the fair column, with --threads 1 for both.
        for name, i, share in (("wall clock", 0, 1), ("processor", 1, threads)):
            print(f"{name:>12} {loop[i] / share:9.2f} {ours[i] / share:8.3f} "
                  f"{ours[i] / share / pairs * 1e9:8.3f} {loop[i] / ours[i]:7.1f}")  # fmt: skip
    metric = parse_metrics("mAP@all(tie=index)")
    (same,) = evaluate(query[few], database, query_labels[few], labels, metric)
    print(f"the loop's queries: loop {loop_value:.5f}, ours {same.value:.5f} (database order)")
    for score in scores:
        print(f"{score.metric} = {score.value:.6f}")


def clock() -> np.ndarray:
    """Wall clock and processor time of this process, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def since(start: np.ndarray) -> np.ndarray:
    return clock() - start


def large(arguments: argparse.Namespace) -> None:
    rng = np.random.default_rng(2)
    q, ql = synthetic(rng, 1000, 64, arguments.classes)
    queries = Codes.from_signs(q), LabelMasks.from_multi_hot(ql)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for name in ("codes", "labels"):
            shape = (arguments.large_items, 1)
            out = np.lib.format.open_memmap(
                Path(folder) / f"{name}.npy", "w+", dtype=np.uint64, shape=shape
            )
            for start in range(0, len(out), 1 << 20):
                rows = out[start : start + (1 << 20)]
                words = rng.integers(0, 1 << 63, rows.shape, dtype=np.uint64)
                rows[:] = words if name == "codes" else np.uint64(1) << words % arguments.classes
            out.flush()
            del out
        words, masks = (
            np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in ("codes", "labels")
        )
        print(f"{'items':>10} {'seconds':>8} {'ns/pair':>8} {'processor':>10} {'peak MB':>8}"
              f" {'anonymous MB':>13}")  # fmt: skip
        for items in np.linspace(0, arguments.large_items, 5).astype(int)[1:]:
            before = anonymous_mb()
            sides = (queries[0], Codes(words[:items], 64), queries[1],
                     LabelMasks(masks[:items], arguments.classes))  # fmt: skip
            start = clock()
            evaluate(*sides, parse_metrics(arguments.metrics), threads=arguments.threads)
            wall, processor = since(start)
            each = 1e9 / (items * len(q))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{items:10} {wall:8.2f} {wall * each:8.3f} "
                  f"{processor / (arguments.threads or usable_cpus()) * each:10.3f} {peak:8.0f} "
                  f"{anonymous_mb() - before:13.1f}")  # fmt: skip


def anonymous_mb() -> float:
    """Memory of this process that is not a mapped file, in MB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("RssAnon"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=2100)
    parser.add_argument("--database", type=int, default=193_734)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--metrics", default="mAP@all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="for both; default all CPUs")
    parser.add_argument("--loop-queries", type=int, default=60)
    parser.add_argument("--large", action="store_true", help="10 million memory-mapped codes")
    parser.add_argument("--large-items", type=int, default=10_000_000)
    parser.add_argument("--folder", default=None, help="where the large files are written")
    arguments = parser.parse_args()
    (large if arguments.large else against_the_loop)(arguments)


if __name__ == "__main__":
    main()
