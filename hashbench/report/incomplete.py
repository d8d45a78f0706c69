"""What incomplete labels leave of a training set, in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashbench.datasets.pair_shares import Incompleteness

BARS = " ▁▂▃▄▅▆▇█"
SHOWN = 60  # label sets that the curve has room for


def incomplete_lines(found: Incompleteness) -> dict[str, str]:
    """Key -> text: shares of pairs, where dissimilar pairs vanish, how often label sets repeat."""
    pairs = found.pairs
    lines = {
        "pairs": f"with {found.known_ratio:.0%} of training labels known: {pairs.positive:.1%} "
        f"similar, {pairs.negative:.2%} dissimilar, {pairs.unknown:.1%} unknown",
        "negatives": "dissimilar pairs expected at unknown rates: "
        + ", ".join(f"{rate:.0%} {share:.2%}" for rate, share in found.negative_curve),
    }
    if found.vanishing is not None:
        lines["vanish"] = (
            f"at {found.vanishing:.0%} unknown, fewer than 1 in 100 dissimilar pairs are known"
        )
    counts = found.label_set_curve
    if counts:
        shown = counts[:SHOWN]
        heights = [round(count / counts[0] * (len(BARS) - 1)) for count in shown]
        covered = sum(shown) / sum(counts)
        lines["label sets"] = (
            f"{len(counts):,} different, the most frequent {counts[0]:,} times; the first "
            f"{len(shown)} cover {covered:.0%} of the items"
        )
        lines["curve"] = "".join(BARS[max(1, height)] for height in heights)
    return lines
