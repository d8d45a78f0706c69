"""Curves of one finished run, from its codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    from hashbench.codefiles.native import CodeSet

POINTS = 129  # of a curve; codes of 4096 bits have more radii than any screen columns


def curves(run: RunFolder) -> dict[str, Any]:
    """Precision and recall over Hamming radii, and mean AP by class of the query.

    `curves`: for each bit length and direction `bits`, `direction`, `recall`, `precision`.
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
        "recall": curve.recall[radii].tolist(),
        "precision": curve.precision[radii].tolist(),
    }


def _add_classes(by_class: dict[str, dict[str, Any]], codes: CodeSet, direction: str) -> None:
    """Adds the mean AP over the queries of each class; queries that are left out do not count."""
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
    for number in range(members.shape[1]):
        name = codes.class_names[number] if codes.class_names else str(number)
        entry = by_class.setdefault(name, {"name": name, "queries": 0, "values": {}})
        entry["queries"] = int(members[:, number].sum())
        if entry["queries"]:
            mean = float(values[members[:, number]].mean())
            entry["values"][f"{direction} {codes.bits}"] = mean
