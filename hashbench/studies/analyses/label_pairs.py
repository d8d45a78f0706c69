"""What is left of training labels when most of them are unknown (PCRIL, Figs. 1 and 3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hashbench.datasets.base import BoolArray
from hashbench.datasets.masks import visible_labels
from hashbench.datasets.named_splits import choose
from hashbench.datasets.pair_shares import label_set_frequencies, pair_shares, vanishing_rate
from hashbench.plan import catalog
from hashbench.plan.spec import RunSpec
from hashbench.report.tables import Grid
from hashbench.studies.analyses import Analyser, Analysis, Material


class PairShares(Analyser, frozen=True):
    """Shares of similar, dissimilar and unknown pairs over the rate of unknown labels, mean and
    range over seeds of the mask.
    """

    def analyse(self, material: Material) -> Analysis:
        """The three curves, and the rate at which dissimilar pairs vanish."""
        shares: dict[tuple[str, float], list[tuple[float, float, float]]] = {}
        vanishing: dict[str, float | None] = {}
        for spec, labels in _training_labels(material):
            seen = visible_labels(labels, spec.labels, spec.seed)
            pairs = pair_shares(seen.labels, seen.known)
            key = spec.dataset.name, round(1 - spec.labels.known_ratio, 6)
            shares.setdefault(key, []).append((pairs.positive, pairs.negative, pairs.unknown))
            vanishing.setdefault(spec.dataset.name, vanishing_rate(labels))
        rows, curve = [], []
        for (name, rate), values in sorted(shares.items()):
            mean, spread = np.mean(values, axis=0), np.ptp(values, axis=0)
            cells = [f"{m:.2%} ±{s / 2:.2%}" for m, s in zip(mean, spread, strict=True)]
            rows.append([name, f"{rate:.0%}", *cells])
            names = ("similar", "dissimilar", "unknown")
            point = dict(zip(names, map(float, mean), strict=True))
            curve.append({"dataset": name, "unknown_rate": rate, "seeds": len(values), **point})
        seeds = max(map(len, shares.values()))
        headers = ("dataset", "unknown labels", "similar pairs", "dissimilar", "unknown")
        note = f"mean ± half the range over {seeds} draws of the unknown labels"
        sentence = " ".join(_vanish(name, rate) for name, rate in vanishing.items())
        grid = Grid.of(headers, rows, words=2, title="pairs of training items", notes=[note])
        numbers = {"curve": curve, "vanishing": vanishing}
        return Analysis("pair shares", sentence, [grid], numbers=numbers)


def _vanish(name: str, rate: float | None) -> str:
    if rate is None:
        return f"On {name} no pair is dissimilar to begin with."
    return (
        f"On {name} dissimilar pairs vanish at {rate:.0%} unknown labels: from there on fewer than "
        "1 in 100 of them is known to be dissimilar."
    )


class LabelSets(Analyser, frozen=True):
    """How often each set of known labels occurs at each known ratio."""

    def analyse(self, material: Material) -> Analysis:
        """Distinct sets, how many of them occur once, and what the ten most frequent cover."""
        rows, numbers = [], []
        for spec, labels in _training_labels(material):
            seen = visible_labels(labels, spec.labels, spec.seed)
            counts = label_set_frequencies(seen.labels)
            known, items = spec.labels.known_ratio, int(counts.sum())
            once, top = int((counts == 1).sum()), float(counts[:10].sum()) / items
            rows.append([
                spec.dataset.name, f"{known:.0%}", str(spec.seed), f"{len(counts):,}",
                f"{once / items:.1%}", f"{top:.1%}",
            ])  # fmt: skip
            numbers.append(
                {"dataset": spec.dataset.name, "known_ratio": known, "seed": spec.seed,
                 "items": items, "frequencies": counts.tolist()}
            )  # fmt: skip
        headers = ("dataset", "known", "seed", "label sets", "items of a set of one", "of top ten")
        grid = Grid.of(headers, rows, words=3, title="sets of known labels")
        least, most = (choice(numbers, key=_known) for choice in (min, max))
        sentence = (
            f"With {least['known_ratio']:.0%} of the labels known, {len(least['frequencies']):,} "
            f"different sets are left of {len(most['frequencies']):,} at "
            f"{most['known_ratio']:.0%}, and the ten most frequent hold "
            f"{sum(least['frequencies'][:10]) / least['items']:.0%} of the items instead of "
            f"{sum(most['frequencies'][:10]) / most['items']:.0%}."
        )
        return Analysis("label sets", sentence, [grid], numbers={"sets": numbers})


def _known(entry: dict[str, object]) -> float:
    return float(str(entry["known_ratio"]))


def _training_labels(material: Material) -> Iterator[tuple[RunSpec, BoolArray]]:
    """The full training labels of each spec's split; a dataset is read once."""
    loaded: dict[str, BoolArray] = {}
    for spec in material.specs:
        wanted = spec.dataset
        key = repr(wanted)
        if key not in loaded:
            card = catalog.dataset(wanted.name, material.data_dir)
            dataset = catalog.load(card.entry)(material.data_dir, wanted.params)
            split = choose(
                dataset, wanted.split, wanted.query, wanted.train, wanted.split_seed,
                usual_sizes=wanted.usual_sizes,
            )  # fmt: skip
            loaded[key] = dataset.labels[split.train]
        yield spec, loaded[key]
