"""Which items of a dataset the codes of another program are of: by ids, or else by labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from hashbench.codefiles.native import SIDES, CodeSet
from hashbench.datasets.base import BoolArray, Dataset, IntArray
from hashbench.datasets.splits import Split
from hashbench.errors import InputError
from hashbench.metrics.codes import LabelMasks


@dataclass(frozen=True)
class Matched:
    """The codes, with the dataset's labels and, unless only sets agree, in the split's order with
    its ids. `how` says by what they were matched.
    """

    codes: CodeSet
    how: str


def match(codes: CodeSet, dataset: Dataset, split: Split) -> Matched:
    """Codes whose items are exactly those of a split. Raises InputError, naming the first item
    that is not.

    Ids settle the order. Without them labels must agree row by row, whatever the order of their
    columns; or, where the items are in an order of the release's own, as sets of label sets.
    """
    rows = {"query": split.query, "database": split.database}
    _check_counts(codes, rows)
    if codes.query_ids and codes.database_ids:
        return Matched(_by_ids(codes, dataset, rows), "item ids")
    real = {side: dataset.labels[rows[side]] for side in SIDES}
    given = {side: getattr(codes, f"{side}_labels").to_bools() for side in SIDES}
    own = _columns_in_order(given, real)
    wrong = {side: np.flatnonzero((own[side] != real[side]).any(axis=1)) for side in SIDES}
    if not any(map(len, wrong.values())):
        return Matched(_with_items(codes, dataset, rows), "labels, row by row")
    if _same_sets(given, real):
        return Matched(replace(codes, query_ids=(), database_ids=()), "labels, in another order")
    side = next(side for side in SIDES if len(wrong[side]))
    place = int(wrong[side][0])
    mine, theirs = (_named(part[side][place], dataset) for part in (own, real))
    raise InputError(
        f"{side} {place} has the labels {mine}, but item {dataset.ids[rows[side][place]]}, which "
        f"stands there in the split, has {theirs}",
        where=f"{dataset.name}, split {split.name}",
        remedy="give the split that the codes were made for, with --split and --query-size, or "
        "codes in the split's order",
    )


def _check_counts(codes: CodeSet, rows: dict[str, IntArray]) -> None:
    for side in SIDES:
        count = len(getattr(codes, f"{side}_labels"))
        if count != len(rows[side]):
            raise InputError(
                f"{count:,} {side} codes, but the split has {len(rows[side]):,} {side} items",
                remedy="another --split, --query-size or --dataset",
            )


def _by_ids(codes: CodeSet, dataset: Dataset, rows: dict[str, IntArray]) -> CodeSet:
    order: dict[str, list[int]] = {}
    for side in SIDES:
        ids = getattr(codes, f"{side}_ids")
        place = {item: number for number, item in enumerate(ids)}
        expected = [dataset.ids[row] for row in rows[side]]
        missing = next((item for item in expected if item not in place), None)
        if missing is not None:
            strange = next(item for item in ids if item not in set(expected))
            raise InputError(
                f"{side} item {strange} is not in the split, whose {missing} has no code",
                where=dataset.name,
                remedy="another --split, --query-size or --dataset",
            )
        order[side] = [place[item] for item in expected]
    sorted_codes = replace(
        codes,
        query={name: part[order["query"]] for name, part in codes.query.items()},
        database={name: part[order["database"]] for name, part in codes.database.items()},
    )
    return _with_items(sorted_codes, dataset, rows)


def _with_items(codes: CodeSet, dataset: Dataset, rows: dict[str, IntArray]) -> CodeSet:
    """The codes with the labels, ids and classes of the dataset's items."""
    return replace(
        codes,
        query_labels=LabelMasks.from_multi_hot(dataset.labels[rows["query"]]),
        database_labels=LabelMasks.from_multi_hot(dataset.labels[rows["database"]]),
        query_ids=[dataset.ids[row] for row in rows["query"]],
        database_ids=[dataset.ids[row] for row in rows["database"]],
        class_names=dataset.class_names,
    )


def _columns_in_order(
    own: dict[str, BoolArray], real: dict[str, BoolArray]
) -> dict[str, BoolArray]:
    """The label columns in the order of the dataset's that they agree with most. Raises InputError
    for more classes than it has; classes that no item has may be missing.
    """
    ours, theirs = (np.concatenate([part[side] for side in SIDES]) for part in (own, real))
    ours_used = ours.any(axis=0)
    if ours_used.sum() > theirs.shape[1]:
        raise InputError(
            f"labels of {int(ours_used.sum())} classes, the dataset has {theirs.shape[1]}",
            remedy="another --dataset, or its parameters",
        )
    together = ours.T.astype(np.float32) @ theirs.astype(np.float32)
    differing = ours.sum(axis=0)[:, None] + theirs.sum(axis=0)[None, :] - 2 * together
    mine, place = linear_sum_assignment(differing)
    ordered = {side: np.zeros_like(real[side]) for side in SIDES}
    for side in SIDES:
        ordered[side][:, place] = own[side][:, mine]
    return ordered


def _same_sets(own: dict[str, BoolArray], real: dict[str, BoolArray]) -> bool:
    """Whether both sides hold the same label sets, as often. Classes are told apart by how often
    they occur, alone and with others; where that does not tell all of them apart, it is not known.
    """
    columns = [_by_signature(labels) for labels in (own, real)]
    if any(order is None for order in columns):
        return False
    mine, theirs = columns
    return all(
        np.array_equal(_sorted_rows(own[side][:, mine]), _sorted_rows(real[side][:, theirs]))
        for side in SIDES
    )


def _by_signature(labels: dict[str, BoolArray]) -> list[int] | None:
    """The columns that any item has, ordered by counts that no order of items changes; None where
    two columns have the same counts.
    """
    counts = [labels[side].sum(axis=0) for side in SIDES]
    together = [labels[side].T.astype(np.int64) @ labels[side] for side in SIDES]
    signatures = {
        column: (*(int(count[column]) for count in counts),
                 *(tuple(sorted(part[column].tolist())) for part in together))
        for column in range(labels["query"].shape[1])
        if any(count[column] for count in counts)
    }  # fmt: skip
    distinct = len(set(signatures.values())) == len(signatures)
    return sorted(signatures, key=signatures.__getitem__) if distinct else None


def _sorted_rows(rows: BoolArray) -> np.ndarray:
    packed = np.packbits(rows, axis=1)
    return packed[np.lexsort(packed.T)]


def _named(row: BoolArray, dataset: Dataset) -> str:
    names = [dataset.class_names[c] for c in np.flatnonzero(row)]
    return ", ".join(names) or "(none)"
