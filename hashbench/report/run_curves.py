"""Curves of one finished run, from its codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hashbench.codefiles.native import CodeSet

POINTS = 129  # of a curve; codes of 4096 bits have more radii than any screen columns


def curves(run: RunFolder) -> dict[str, Any]:
    """Precision and recall over Hamming radii, and mean AP by class of the query.

    `curves`: for each bit length and direction `bits`, `direction`, and by `radius` the `recall`
    and `precision` within it.
    `classes`: for each class `name`, `queries`, and `values`: `direction bits` -> mean AP over the
    queries of that class. Raises InputError or DamagedFileError where the codes cannot be read.
    """
    from hashbench.codefiles.native import read_codes
    from hashbench.plan.directions import REPORTED, directions_of

    lines: list[dict[str, Any]] = []
    by_class: dict[str, dict[str, Any]] = {}
    for codes in read_codes(run.codes):
        available = directions_of(set(codes.query))
        for direction in REPORTED:
            if direction in available:
                lines.append(_precision_recall(codes, direction))
                _add_classes(by_class, codes, direction)
    return {"curves": lines, "classes": list(by_class.values())}


def classes(run: RunFolder) -> list[dict[str, Any]]:
    """The `classes` of `curves`, without the curves. Raises as it does."""
    from hashbench.codefiles.native import read_codes
    from hashbench.plan.directions import REPORTED, directions_of

    by_class: dict[str, dict[str, Any]] = {}
    for codes in read_codes(run.codes):
        available = directions_of(set(codes.query))
        for direction in REPORTED:
            if direction in available:
                _add_classes(by_class, codes, direction)
    return list(by_class.values())


def _precision_recall(codes: CodeSet, direction: str) -> dict[str, Any]:
    """The curve at no more than POINTS radii; those whose balls are all empty are left out."""
    import numpy as np

    from hashbench.metrics.histograms import count_histograms
    from hashbench.metrics.precision_recall import precision_recall_curve

    curve = precision_recall_curve(
        count_histograms(*codes.sides(direction), codes.query_labels, codes.database_labels)
    )
    radii = np.unique(np.linspace(0, codes.bits, POINTS).round().astype(int))
    radii = radii[np.isfinite(curve.precision[radii])]
    return {
        "bits": codes.bits,
        "direction": direction,
        "radius": radii.tolist(),
        "recall": curve.recall[radii].tolist(),
        "precision": curve.precision[radii].tolist(),
    }


@dataclass(frozen=True, eq=False)
class ClassValues:
    """AP of every query (Q,), and which classes it belongs to, (Q, C) bool.

    Queries that are left out have no AP and belong to no class.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    members: NDArray[np.bool_]


def class_values(codes: CodeSet, direction: str) -> ClassValues:
    """AP by query and class of one direction."""
    import numpy as np

    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.ranking import evaluate

    (score,) = evaluate(
        *codes.sides(direction),
        codes.query_labels,
        codes.database_labels,
        [parse_metric("mAP@all")],
    )
    values = score.per_query
    members = codes.query_labels.to_bools() & np.isfinite(values)[:, None]
    names = tuple(codes.class_names) or tuple(map(str, range(members.shape[1])))
    return ClassValues(names, values, members)


def _add_classes(by_class: dict[str, dict[str, Any]], codes: CodeSet, direction: str) -> None:
    """Adds the mean AP over the queries of each class; queries that are left out do not count."""
    of = class_values(codes, direction)
    for number, name in enumerate(of.names):
        entry = by_class.setdefault(name, {"name": name, "queries": 0, "values": {}})
        entry["queries"] = int(of.members[:, number].sum())
        if entry["queries"]:
            mean = float(of.values[of.members[:, number]].mean())
            entry["values"][f"{direction} {codes.bits}"] = mean
