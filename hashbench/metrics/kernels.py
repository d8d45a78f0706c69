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
LANES = 4  # interleaved histograms: a bin hit twice in a row does not wait for its own store
MOST_BINS_IN_LANES = 4096


@compiled
def tile_bins(
    code: Array,  # (W,) uint64, one query
    mask: Array,  # (M,) uint64
    words: Array,  # (W, n) uint64, database columns
    masks: Array,  # (M, n) uint64
    start: int,
    stop: int,
    levels: int,
    graded: bool,
    table: Array,  # (256,) uint8 distance of a differing byte, or empty for Hamming distance
    shared: Array,  # (TILE,) uint64 scratch
    bins: Array,  # (TILE,) uint32 out
) -> None:
    """Fill `bins` for database items start .. stop - 1 and one query."""
    size = stop - start
    step = np.uint64(levels)
    first, row, label, label_row = code[0], words[0, start:stop], mask[0], masks[0, start:stop]
    if len(table) == 0 and len(code) == 1 and len(mask) == 1 and not graded:
        for j in range(size):
            has = np.uint64((label_row[j] & label) != 0)
            bins[j] = popcount(row[j] ^ first) * step + has
        return
    if len(table) == 0:
        for j in range(size):
            bins[j] = popcount(row[j] ^ first) * step
        for w in range(1, len(code)):
            first, row = code[w], words[w, start:stop]
            for j in range(size):
                bins[j] += popcount(row[j] ^ first) * step
    else:
        bins[:size] = 0
        for w in range(len(code)):
            first, row = code[w], words[w, start:stop]
            for j in range(size):
                differing = row[j] ^ first
                for _ in range(8):
                    bins[j] += table[differing & np.uint64(255)] * step
                    differing >>= np.uint64(8)
    if graded:
        for w in range(len(mask)):
            label, label_row = mask[w], masks[w, start:stop]
            for j in range(size):
                bins[j] += popcount(label_row[j] & label)
        return
    for j in range(size):
        shared[j] = label_row[j] & label
    for w in range(1, len(mask)):
        label, label_row = mask[w], masks[w, start:stop]
        for j in range(size):
            shared[j] |= label_row[j] & label
    for j in range(size):
        bins[j] += np.uint64(shared[j] != 0)


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
    """Add the pairs of these queries with this piece of the database to the histograms."""
    size, items = counts.shape[1], words.shape[1]
    stride = size if size <= MOST_BINS_IN_LANES else 0  # many bins collide rarely: one lane
    lanes = np.zeros(size if stride == 0 else LANES * size, np.uint32)
    one = np.uint32(1)
    bins = np.zeros(TILE, np.uint32)
    shared = np.zeros(TILE, np.uint64)
    for q in range(len(codes)):
        lanes[:] = 0
        for start in range(0, items, TILE):
            stop = min(start + TILE, items)
            tile_bins(codes[q], label_masks[q], words, masks, start, stop, levels, graded,
                      table, shared, bins)  # fmt: skip
            whole = (stop - start) // LANES * LANES
            for j in range(0, whole, LANES):
                lanes[bins[j]] += one
                lanes[bins[j + 1] + stride] += one
                lanes[bins[j + 2] + 2 * stride] += one
                lanes[bins[j + 3] + 3 * stride] += one
            for j in range(whole, stop - start):
                lanes[bins[j]] += one
        for i in range(0, len(lanes), size):
            for j in range(size):
                counts[q, j] += lanes[i + j]


@compiled
def walk_pairs(
    codes: Array,
    label_masks: Array,
    words: Array,
    masks: Array,
    levels: int,
    graded: bool,
    table: Array,
    ranks: Array,  # (Q, distances) int64: items ranked so far at this distance or nearer
    hits: Array,  # (Q, distances) int64: relevant items among them
    rank_cuts: Array,  # (A,) int64 ascending
    first_cuts: Array,  # (B,) int64 ascending
    discounts: Array,  # (deepest cut + 1,) float64: of rank i at [i]; empty where not asked
    gains: Array,  # (levels,) float64
    by_rank: Array,  # (Q, A, 3) float64: precision sum, hits, discounted gain, added to
    by_first: Array,  # (Q, B) float64: precision sum, added to
) -> None:
    """Give every pair its rank in database order within ties, and sum what the cut-offs ask for.

    An item's rank is the number of nearer items plus that of earlier items at its distance:
    `ranks` starts at the former and counts the latter, so shards walk one after the other.
    A relevant item adds to the smallest cut-off that holds it; the caller accumulates.
    """
    items = words.shape[1]
    bins = np.zeros(TILE, np.uint32)
    shared = np.zeros(TILE, np.uint64)
    for q in range(len(codes)):
        rank_of, hits_of = ranks[q], hits[q]
        for start in range(0, items, TILE):
            stop = min(start + TILE, items)
            tile_bins(codes[q], label_masks[q], words, masks, start, stop, levels, graded,
                      table, shared, bins)  # fmt: skip
            for j in range(stop - start):
                distance = bins[j] // levels
                level = bins[j] - distance * levels
                rank_of[distance] += 1
                if level == 0:
                    continue
                hits_of[distance] += 1
                rank, hit = rank_of[distance], hits_of[distance]
                precision = hit / rank
                for cut in range(len(rank_cuts)):
                    if rank <= rank_cuts[cut]:
                        by_rank[q, cut, 0] += precision
                        by_rank[q, cut, 1] += 1
                        if len(discounts) > 0:
                            by_rank[q, cut, 2] += gains[level] * discounts[rank]
                        break
                for cut in range(len(first_cuts)):
                    if hit <= first_cuts[cut]:
                        by_first[q, cut] += precision
                        break
