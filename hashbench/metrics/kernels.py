"""The two compiled passes over (query, database) pairs. Nothing is sorted, no pair is stored.

Both read codes and label masks word by word in column order, `words[w, item]`, so that one loop
serves every number of words and the compiler can vectorise it. A pair falls into the bin
`distance * levels + level`: level is 0 or 1 (some label shared), or the number of shared labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hashbench.metrics.jit import compiled, popcount

Array = np.ndarray[Any, Any]

TILE = 1024  # pairs whose bins are computed before they are counted; they stay in the L1 cache
MOST_BINS_IN_TWOS = 181  # their square, 4 bytes each, is a fraction of a usual L2 cache


@compiled
def add_distances(
    code: Array, words: Array, start: int, step: Any, table: Array, bins: Array
) -> None:
    """Add `step` times the distance of items `start`.. from a query's code (W,) to `bins` (t,)."""
    for w in range(len(code)):
        query, row = code[w], words[w, start : start + len(bins)]
        if len(table) == 0:
            for j in range(len(bins)):
                bins[j] += popcount(row[j] ^ query) * step
        else:
            for j in range(len(bins)):
                differing = row[j] ^ query
                for _ in range(8):
                    bins[j] += table[differing & np.uint64(255)] * step
                    differing >>= np.uint64(8)


@compiled
def add_levels(
    mask: Array, masks: Array, start: int, graded: bool, shared: Array, bins: Array
) -> None:
    """Add the level of items `start`.. for a query's label mask (M,) to `bins` (t,)."""
    if graded:
        for w in range(len(mask)):
            query, row = mask[w], masks[w, start : start + len(bins)]
            for j in range(len(bins)):
                bins[j] += popcount(row[j] & query)
        return
    shared[:] = 0
    for w in range(len(mask)):
        query, row = mask[w], masks[w, start : start + len(bins)]
        for j in range(len(bins)):
            shared[j] |= row[j] & query
    for j in range(len(bins)):
        bins[j] += np.uint64(shared[j] != 0)


@compiled
def tile_bins(
    code: Array,  # (W,) uint64, one query
    mask: Array,  # (M,) uint64
    words: Array,  # (W, n) uint64, database columns
    masks: Array,  # (M, n) uint64
    start: int,
    levels: int,
    graded: bool,
    table: Array,  # (256,) uint8 distance of a differing byte, or empty for Hamming distance
    shared: Array,  # (t,) uint64 scratch
    bins: Array,  # (t,) uint32 out
) -> None:
    """Bins of one query with database items start .. start + t - 1."""
    step = np.uint64(levels)
    if len(code) == 1 and len(mask) == 1 and not graded and len(table) == 0:
        # Up to 64 bits and 64 classes, the usual case, in one loop instead of four.
        query, label, stop = code[0], mask[0], start + len(bins)
        row, label_row = words[0, start:stop], masks[0, start:stop]
        for j in range(len(bins)):
            relevant = np.uint64((label_row[j] & label) != 0)
            bins[j] = popcount(row[j] ^ query) * step + relevant
        return
    bins[:] = 0
    add_distances(code, words, start, step, table, bins)
    add_levels(mask, masks, start, graded, shared, bins)


@compiled
def count_pairs(
    codes: Array,  # (Q, W) uint64
    label_masks: Array,  # (Q, M) uint64
    words: Array,  # (W, n) uint64
    masks: Array,  # (M, n) uint64
    levels: int,
    graded: bool,
    table: Array,
    counts: Array,  # (Q, distances * levels) int64, added to
) -> None:
    """Add the pairs of these queries with this piece of the database to the histograms.

    With few bins, two pairs are counted at once in a histogram of pairs of bins: half as many
    increments, and hardly one that waits for the store of the one before.
    """
    size, items = counts.shape[1], words.shape[1]
    in_twos = size <= MOST_BINS_IN_TWOS
    twos = np.zeros((size, size) if in_twos else (0, 0), np.uint32)
    flat = twos.reshape(twos.size)
    all_bins = np.zeros(TILE, np.uint32)
    shared = np.zeros(TILE, np.uint64)
    for q in range(len(codes)):
        count = counts[q]
        flat[:] = 0
        for start in range(0, items, TILE):
            size_here = min(TILE, items - start)
            bins = all_bins[:size_here]
            tile_bins(codes[q], label_masks[q], words, masks, start, levels, graded, table,
                      shared[:size_here], bins)  # fmt: skip
            half = size_here // 2 if in_twos else 0
            for j in range(half):
                bins[j] = bins[j] * np.uint32(size) + bins[half + j]
            for j in range(half):
                flat[bins[j]] += np.uint32(1)
            for j in range(2 * half, size_here):
                count[bins[j]] += 1
        for i in range(len(twos)):
            row = np.int64(0)
            for j in range(size):
                count[j] += twos[i, j]
                row += twos[i, j]
            count[i] += row


@compiled
def walk_pairs(
    codes: Array,
    label_masks: Array,
    words: Array,
    masks: Array,
    shift: int,  # bins are distance << shift | level
    graded: bool,
    table: Array,
    cursors: Array,  # (Q, distances) uint64, moved: items ranked so far, hits << 32 among them
    rank_cuts: Array,  # (A,) int64
    first_cuts: Array,  # (B,) int64
    discounts: Array,  # (deepest cut + 1,) float64: of rank i at [i]; empty where not asked
    gains: Array,  # (levels,) float64
    by_rank: Array,  # (Q, A, 3) float64: precision sum, hits, discounted gain; added to
    by_first: Array,  # (Q, B) float64: precision sum; added to
) -> None:
    """Give every pair its rank in database order within ties, and sum what the cut-offs ask for.

    An item's rank is the number of nearer items plus that of earlier items at its distance: a
    cursor starts at the former and counts the latter, so pieces of the database walk in order.
    """
    items = words.shape[1]
    one, rank_bits = np.uint64(1), np.uint64(0xFFFFFFFF)
    level_bits = np.uint32((1 << shift) - 1)
    all_bins = np.zeros(TILE, np.uint32)
    shared = np.zeros(TILE, np.uint64)
    hit_place = np.zeros(TILE + 1, np.uint64)
    hit_level = np.zeros(TILE + 1, np.uint32)
    for q in range(len(codes)):
        cursor = cursors[q]
        for start in range(0, items, TILE):
            size_here = min(TILE, items - start)
            bins = all_bins[:size_here]
            tile_bins(codes[q], label_masks[q], words, masks, start, 1 << shift, graded, table,
                      shared[:size_here], bins)  # fmt: skip
            # Collect the places of the hits without a branch: a miss is overwritten by the next.
            hits: Any = 0
            for j in range(size_here):
                distance, level = bins[j] >> shift, bins[j] & level_bits
                relevant = np.int64(level != 0)
                at = cursor[distance] + (one | np.uint64(relevant) << np.uint64(32))
                cursor[distance] = at
                hit_place[hits], hit_level[hits] = at, level  # kept only where relevant
                hits += relevant
            # Hits are few against items, so what each cut-off costs is paid for them alone.
            for i in range(hits):
                rank, hit = (
                    np.int64(hit_place[i] & rank_bits),
                    np.int64(hit_place[i] >> np.uint64(32)),
                )
                precision = hit / rank
                for cut in range(len(rank_cuts)):
                    if rank <= rank_cuts[cut]:
                        by_rank[q, cut, 0] += precision
                        by_rank[q, cut, 1] += 1
                        if len(discounts) > 0:
                            by_rank[q, cut, 2] += gains[hit_level[i]] * discounts[rank]
                for cut in range(len(first_cuts)):
                    if hit <= first_cuts[cut]:
                        by_first[q, cut] += precision
