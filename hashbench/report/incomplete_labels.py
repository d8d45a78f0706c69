"""What incomplete labels leave of a training set, in lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashbench.datasets.pair_shares import Incompleteness

BARS = " ▁▂▃▄▅▆▇█"
SHOWN = 60  # label sets that the curve has room for


def incomplete_lines(counts: Incompleteness) -> dict[str, str]:
    """Key -> text: shares of pairs, where dissimilar pairs vanish, how often label sets repeat."""
    pairs = counts.pairs
    lines = {
        "pairs": f"with {counts.known_ratio:.0%} of training labels known: {pairs.positive:.1%} "
        f"similar, {pairs.negative:.2%} dissimilar, {pairs.unknown:.1%} unknown",
        "negatives": "dissimilar pairs expected at unknown rates: "
        + ", ".join(f"{rate:.0%} {share:.2%}" for rate, share in counts.negative_curve),
    }
    if counts.vanishing is not None:
        lines["vanish"] = (
            f"at {counts.vanishing:.0%} unknown, fewer than 1 in 100 dissimilar pairs are known"
        )
    frequencies = counts.label_set_curve
    if frequencies:
        shown = frequencies[:SHOWN]
        heights = [round(count / frequencies[0] * (len(BARS) - 1)) for count in shown]
        covered = sum(shown) / sum(frequencies)
        lines["label sets"] = (
            f"{len(frequencies):,} different sets of known labels, the most frequent "
            f"{frequencies[0]:,} times; the first {len(shown)} cover {covered:.0%} of the items"
        )
        lines["curve"] = "".join(BARS[max(1, height)] for height in heights)
    return lines
