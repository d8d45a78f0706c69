"""Codes as points on paper: t-SNE, coloured by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashbench.errors import InputError
from hashbench.report.figures.figure import Axis, Figure, Panel, Series
from hashbench.report.figures.groups import groups, run_ids, shared_notes
from hashbench.report.progress import Progress, part, silent
from hashbench.report.rows import Collected

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hashbench.codefiles.native import CodeSet

CLASSES = 8  # colours and markers that can be told apart
ITEMS = 600
MOST_PANELS = 12


def t_sne(collected: Collected, seed: int, progress: Progress = silent) -> Figure:
    """Database codes of the first seed of each group, a panel a modality and code length.

    Items are drawn that belong to exactly one of the classes that occur most. Raises InputError
    where there are none, or too many panels for a page.
    """
    from hashbench.codefiles.native import read_codes

    shown = groups(collected)
    points = []
    for group in shown:
        for codes in read_codes(group.runs[0].codes):
            bits = f" {codes.bits} bits" if len(group.spec.bits) > 1 else ""
            points += [
                _points(f"{group.name}{bits}, {modality}", codes, modality, seed)
                for modality in sorted(codes.database)
            ]
        if len(points) > MOST_PANELS:
            raise InputError(
                f"more than {MOST_PANELS} panels", where="t-sne", remedy="name fewer runs"
            )
    panels = [
        _panel(one, seed, part(progress, number, len(points))) for number, one in enumerate(points)
    ]
    notes = [
        f"up to {ITEMS} database items with exactly one of the {CLASSES} most frequent classes",
        f"t-SNE of Hamming distances, perplexity 30, seed {seed}; of runs, the lowest seed",
        *shared_notes(shown, averaged=False),
    ]
    return Figure("t-sne", "t-SNE of codes", tuple(panels), tuple(notes), run_ids(shown))


@dataclass(frozen=True, eq=False)
class _Points:
    """`squared` (n, n) distances of the codes of a panel, and the class of each item (n)."""

    title: str
    squared: NDArray[np.float64]
    classes: NDArray[np.int64]
    names: tuple[str, ...]


def _points(title: str, codes: CodeSet, modality: str, seed: int) -> _Points:
    import numpy as np

    labels = codes.database_labels.to_bools()
    classes = np.argsort(-labels.sum(axis=0), kind="stable")[:CLASSES]
    single = np.flatnonzero(labels[:, classes].sum(axis=1) == 1)
    if len(single) < 3:
        raise InputError("hardly any item belongs to one frequent class alone", where=title)
    rows = np.sort(np.random.default_rng(seed).permutation(single)[:ITEMS])
    of = labels[np.ix_(rows, classes)].argmax(axis=1)
    names = [codes.class_names[c] if codes.class_names else str(c) for c in classes.tolist()]
    return _Points(title, _squared(codes, modality, rows), of, tuple(names))


def _panel(points: _Points, seed: int, progress: Progress) -> Panel:
    from hashbench.report.figures.tsne import embed

    places = embed(points.squared, seed=seed, progress=progress)
    series = []
    for number, name in enumerate(points.names):
        mine = places[points.classes == number]
        xs, ys = tuple(mine[:, 0].tolist()), tuple(mine[:, 1].tolist())
        series += [Series(name, xs, ys)] if xs else []
    return Panel(points.title, Axis(""), Axis(""), tuple(series), "points")


def _squared(codes: CodeSet, modality: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, n) squared Euclidean distances of codes as -1 and +1: four times the Hamming distance."""

    signs = 2.0 * codes.database[modality][rows].to_bools() - 1
    return 2.0 * (codes.bits - signs @ signs.T)
