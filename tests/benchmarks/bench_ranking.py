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
from hashbench.metrics.names import parse_metrics
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
    rng = np.random.default_rng(1)
    q, ql = synthetic(rng, arguments.queries, arguments.bits, arguments.classes)
    d, dl = synthetic(rng, arguments.database, arguments.bits, arguments.classes)
    sides = (
        Codes.from_signs(q), Codes.from_signs(d),
        LabelMasks.from_multi_hot(ql), LabelMasks.from_multi_hot(dl),
    )  # fmt: skip
    start = time.perf_counter()
    evaluate(*sides, parse_metrics(arguments.metrics))
    first = time.perf_counter() - start
    pairs = arguments.queries * arguments.database
    tensors = [torch.tensor(a, dtype=torch.float32) for a in (q, d, ql, dl)]
    few = np.linspace(0, arguments.queries - 1, arguments.loop_queries).astype(int)
    print(f"{arguments.queries} x {arguments.database}, {arguments.bits} bits, "
          f"{arguments.classes} classes, {usable_cpus()} CPUs; first {first:.2f} s")  # fmt: skip
    print(f"{'round':>5} {'loop s':>9} {'ours s':>8} {'ns/pair':>8} {'ratio':>7}")
    for round_ in range(arguments.rounds):
        start = time.perf_counter()
        slow_value = sort_loop(tensors[0][few], tensors[1], tensors[2][few], tensors[3])
        slow = (time.perf_counter() - start) * arguments.queries / len(few)
        start = time.perf_counter()
        scores = evaluate(*sides, parse_metrics(arguments.metrics))
        ours = time.perf_counter() - start
        print(f"{round_:5} {slow:9.2f} {ours:8.3f} {ours / pairs * 1e9:8.3f} {slow / ours:7.1f}")
    print(f"loop timed on {len(few)} of {arguments.queries} queries and scaled")
    (same,) = evaluate(
        sides[0][few], sides[1], sides[2][few], sides[3], parse_metrics("mAP@all(tie=index)")
    )
    print(f"the loop's queries: loop {slow_value:.6f}, ours {same.value:.6f} (index order)")
    for score in scores:
        print(f"{score.metric} = {score.value:.6f}")


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
        print(f"{'items':>10} {'seconds':>8} {'ns/pair':>8} {'peak MB':>8} {'anonymous MB':>13}")
        for items in np.linspace(0, arguments.large_items, 5).astype(int)[1:]:
            before = anonymous_mb()
            sides = (queries[0], Codes(words[:items], 64), queries[1],
                     LabelMasks(masks[:items], arguments.classes))  # fmt: skip
            start = time.perf_counter()
            evaluate(*sides, parse_metrics(arguments.metrics))
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{items:10} {seconds:8.2f} {seconds / items / len(q) * 1e9:8.3f} "
                  f"{peak:8.0f} {anonymous_mb() - before:13.1f}")  # fmt: skip


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
    parser.add_argument("--loop-queries", type=int, default=60)
    parser.add_argument("--large", action="store_true", help="10 million memory-mapped codes")
    parser.add_argument("--large-items", type=int, default=10_000_000)
    parser.add_argument("--folder", default=None, help="where the large files are written")
    arguments = parser.parse_args()
    (large if arguments.large else against_the_loop)(arguments)


if __name__ == "__main__":
    main()
