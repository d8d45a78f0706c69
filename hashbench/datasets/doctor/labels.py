"""Checks of labels: counts against published ones, the order of columns, density, chance level."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hashbench.datasets.base import Dataset
from hashbench.datasets.doctor.findings import Finding, Level, first_few
from hashbench.datasets.label_columns import (
    FEWEST,
    Reading,
    cost_of,
    known_for,
    known_sets,
    read_columns,
    same_name,
)
from hashbench.datasets.left_out import plural
from hashbench.datasets.splits import Split
from hashbench.datasets.statistics import random_floor
from hashbench.plan.card import DatasetCard, ReferenceLabels

_PLENTY = 4.0
"""Times that the given names may cost what the best reading costs, and still be believed."""

_FITS = 40.0
"""Cost per column up to which columns are matched to those of a known set at all."""


def check_labels(
    dataset: Dataset, card: DatasetCard | None, split: Split | None
) -> Iterator[Finding]:
    """All findings about the labels of a dataset, with what its card knows of them. The score of
    random codes is that of the queries and the database of `split`.
    """
    yield from _items(dataset, card)
    yield from _columns(dataset, unnamed=card is not None and card.unnamed_columns)
    yield from _balance(dataset, split)


def _items(dataset: Dataset, card: DatasetCard | None) -> Iterator[Finding]:
    published = None if card is None else card.published_items.get(dataset.name)
    count = len(dataset)
    if published is None:
        return
    if count in published:
        yield Finding("items", Level.OK, f"{count:,} items: {published[count]}")
        return
    wanted = ", ".join(f"{items:,} ({what})" for items, what in published.items())
    yield Finding(
        "items",
        Level.WARNING,
        f"{count:,} items where published results are over {wanted}",
        "fetch what is missing, or do not compare with published figures",
        {"items": count, "published": list(published)},
    )


def _columns(dataset: Dataset, *, unnamed: bool) -> Iterator[Finding]:
    """Whether each column holds the class that it is named after.

    `unnamed` columns have no names in their files; those here are ours.
    """
    names, labels = dataset.class_names, dataset.labels
    known = known_for(names, labels)
    if known is None:
        yield from _nameless(dataset)
        return
    if len(dataset) < FEWEST:
        message = f"fewer than {FEWEST} items: too few to recognise classes by counting"
        yield Finding("columns", Level.NOTE, message)
        return
    reading = read_columns(labels, known)
    given = cost_of(labels, known, names)
    certain = [name for name in reading.names if name not in reading.unsure]
    wrong = [
        f"{name} holds {right}"
        for name, right in zip(names, reading.names, strict=True)
        if same_name(name) != same_name(right) and right in certain
    ]
    # a random part of a set may fit another order a little better: only a clear loss convicts
    believed = given <= _PLENTY * max(reading.cost, 1.0) or not wrong
    if reading.cost >= _FITS or (believed and given >= _FITS):
        yield Finding(
            "columns",
            Level.NOTE,
            f"classes are those of {known.source}, their counts are not: the order of the columns"
            " cannot be checked",
            facts={"cost": round(given, 2)},
        )
        return
    if not believed:
        yield Finding(
            "columns",
            Level.PROBLEM,
            f"{len(wrong)} of {len(names)} label columns are misnamed: {first_few(wrong, 24)};"
            f" {_relations(dataset, known)}",
            _right_order(reading),
            _order_facts(reading),
        )
        return
    fits = f"class frequencies fit {known.source}; superset relations: {_relations(dataset, known)}"
    moved = sum(a != b for a, b in zip(names, sorted(names), strict=True))
    if unnamed and moved:
        yield Finding(
            "columns",
            Level.WARNING,
            f"{moved} of {len(names)} label columns are permuted: they are not in alphabetical"
            f" order, and code that names them so names them wrongly; as named here {fits}",
            _right_order(reading),
            _order_facts(reading),
        )
    else:
        yield Finding("columns", Level.OK, fits, facts={"cost": round(given, 2)})


def _relations(dataset: Dataset, known: ReferenceLabels) -> str:
    """How far the superset relations of a known set hold under the given names, in words."""
    column = {same_name(name): position for position, name in enumerate(dataset.class_names)}
    shares = {}
    for inner, outer in known.within:
        inside, around = (dataset.labels[:, column[same_name(name)]] for name in (inner, outer))
        shares[f"{inner} within {outer}"] = float(around[inside].mean()) if inside.any() else 1.0
    broken = [f"{what} only {share:.0%}" for what, share in shares.items() if share < 0.9]
    if not broken:
        return f"{first_few(list(shares), 3)} hold"
    return f"{len(broken)} of {len(shares)} superset relations fail: {first_few(broken, 3)}"


def _nameless(dataset: Dataset) -> Iterator[Finding]:
    """Columns without names, or with names of no known set, that have the counts of one."""
    labels = dataset.labels
    generic = all(same_name(name).startswith("class ") for name in dataset.class_names)
    sets = [known for known in known_sets() if len(known.counts) == labels.shape[1]]
    if not generic:
        return
    readings = [read_columns(labels, known) for known in sets] if len(labels) >= FEWEST else []
    best = min(readings, key=lambda reading: reading.cost, default=None)
    if best is not None and best.cost < _FITS:
        yield Finding(
            "columns",
            Level.WARNING,
            f"the label columns have no names, but the counts of {best.known.source}",
            _right_order(best) + "; write them into classes.txt, one a line",
            _order_facts(best),
        )
    else:
        yield Finding(
            "columns",
            Level.WARNING,
            f"the {labels.shape[1]} label columns have no names, so label prompts are meaningless",
            "write the names into classes.txt, one a line, in the order of the columns",
        )


def _right_order(reading: Reading) -> str:
    order = "the right order is " + ", ".join(reading.names)
    if reading.unsure:
        order += f" (the counts do not tell {first_few(sorted(reading.unsure), 24)} apart)"
    return order


def _order_facts(reading: Reading) -> dict[str, object]:
    return {"order": list(reading.names), "unsure": sorted(reading.unsure)}


def _balance(dataset: Dataset, split: Split | None) -> Iterator[Finding]:
    """Empty rows and columns, density, and what random codes would score."""
    labels = dataset.labels
    unlabelled = int((~np.logical_or.reduce(labels, axis=1)).sum())
    if unlabelled:
        yield Finding(
            "label rows",
            Level.WARNING,
            f"{plural(unlabelled, 'item')} without a label: nothing is relevant to them",
            "leave them out",
            {"unlabelled": unlabelled},
        )
    counts = labels.sum(axis=0)
    for count, what in ((0, "no item"), (len(dataset), "every item")):
        idle = [
            name for name, n in zip(dataset.class_names, counts.tolist(), strict=True) if n == count
        ]
        if idle:
            yield Finding(
                "classes",
                Level.WARNING if count else Level.NOTE,
                f"{plural(len(idle), 'class', 'classes')} with {what}: {first_few(idle)}",
                "a class that tells no items apart can be left out",
                {"classes": idle},
            )
    density = float(labels.mean())
    floor = None
    if split is not None:
        floor = random_floor(labels[split.query], labels[split.database])
    # without a split, or without a relevant pair in it, other checks have said what is wrong
    grave = floor is not None and not 0.001 <= floor <= 0.9
    score = "" if floor is None else f"; random codes score a mAP@all of {floor:.4f}"
    yield Finding(
        "chance",
        Level.WARNING if grave else Level.OK,
        f"{density:.1%} of all labels are positive, {labels.sum(axis=1).mean():.2f} an item{score}",
        "mAP hardly distinguishes methods here: look at precision or NDCG" if grave else "",
        {"density": density, "random_floor": floor},
    )
