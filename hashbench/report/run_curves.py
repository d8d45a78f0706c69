"""What needs the codes of finished runs: curves, values by class, significance.

`python -m hashbench.report.run_curves` answers one question, a JSON object on stdin, with one JSON
object on stdout, so that a process that must not load numpy can ask.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError, InputError
from hashbench.plan import spec as specs
from hashbench.runs.layout import RunFolder

SEED = 0  # of the permutations: the same question has the same answer
POINTS = 129  # of a curve; codes of 4096 bits have more radii than any screen columns


def curves(run: RunFolder) -> dict[str, Any]:
    """Precision and recall over Hamming radii, and mean AP by class of the query.

    `curves`: for each bit length and direction `bits`, `direction`, `recall`, `precision`.
    `classes`: for each class `name`, `queries`, and `values`: `direction bits` -> mean AP over the
    queries of that class. Raises InputError or DamagedFileError where the codes cannot be read.
    """
    import numpy as np

    from hashbench.codefiles.native import read_codes
    from hashbench.metrics.histograms import count_histograms
    from hashbench.metrics.per_query import precision_recall_curve

    found: list[dict[str, Any]] = []
    by_class: dict[str, dict[str, Any]] = {}
    for codes in read_codes(run.codes):
        for direction, asked, ranked in _directions(codes):
            sides = codes.query[asked], codes.database[ranked]
            curve = precision_recall_curve(
                count_histograms(*sides, codes.query_labels, codes.database_labels)
            )
            chosen = np.unique(np.linspace(0, codes.bits, POINTS).round().astype(int))
            chosen = chosen[np.isfinite(curve.precision[chosen])]
            found.append(
                {
                    "bits": codes.bits,
                    "direction": direction,
                    "recall": curve.recall[chosen].tolist(),
                    "precision": curve.precision[chosen].tolist(),
                }
            )
            values = _per_query(codes, asked, ranked, "mAP@all")
            has = codes.query_labels.to_bools() & np.isfinite(values)[:, None]
            for number in range(has.shape[1]):
                name = codes.class_names[number] if codes.class_names else str(number)
                entry = by_class.setdefault(name, {"name": name, "queries": 0, "values": {}})
                entry["queries"] = int(has[:, number].sum())
                if entry["queries"]:
                    mean = float(values[has[:, number]].mean())
                    entry["values"][f"{direction} {codes.bits}"] = mean
    return {"curves": found, "classes": list(by_class.values())}


def significance(
    baseline: Sequence[RunFolder],
    others: Sequence[Sequence[RunFolder]],
    columns: Sequence[tuple[int, str]],
    metric: str,
) -> list[list[float | None]]:
    """p-values of each of `others` against `baseline`, column by column (bits, direction).

    A system is several runs, one a seed: its value for a query is the mean over them. Two-sided
    paired randomisation test over queries (`hashbench.metrics.significance`), corrected for all
    comparisons of the table by Holm's procedure (1979). None where one of the two has no codes of
    that column. Raises InputError where the queries differ.
    """
    from hashbench.metrics.significance import paired_randomisation

    mine = {column: _of_system(baseline, column, metric) for column in columns}
    raw: list[list[float | None]] = []
    for system in others:
        row: list[float | None] = []
        for column in columns:
            theirs = _of_system(system, column, metric)
            own = mine[column]
            if own is None or theirs is None:
                row.append(None)
                continue
            if own[1] != theirs[1]:
                raise InputError(
                    "the runs rank different queries, so they cannot be paired",
                    where=f"{baseline[0].id}, {system[0].id}",
                )
            row.append(paired_randomisation(own[0], theirs[0], seed=SEED).p_value)
        raw.append(row)
    return _holm(raw)


def _of_system(
    runs: Sequence[RunFolder], column: tuple[int, str], metric: str
) -> tuple[Any, tuple[str, ...]] | None:
    """(mean over seeds of per-query values, ids of the queries), the latest run of each seed."""
    import numpy as np

    from hashbench.codefiles.native import read_code_file

    bits, direction = column
    by_seed: dict[int, tuple[Any, tuple[str, ...]]] = {}
    for run in sorted(runs, key=lambda run: run.id):
        spec = specs.read(run.spec)
        path = run.codes / f"{bits}.npz"
        if bits not in spec.bits or not path.is_file():
            continue
        codes = read_code_file(path)
        asked, ranked = _sides(direction)
        by_seed[spec.seed] = (
            _per_query(codes, asked, ranked, metric),
            tuple(codes.query_ids),
        )
    if not by_seed:
        return None
    ids = {ids for _, ids in by_seed.values()}
    if len(ids) > 1:
        raise InputError("seeds of one setting rank different queries", where=runs[0].id)
    return np.mean([values for values, _ in by_seed.values()], axis=0), ids.pop()


def _holm(raw: list[list[float | None]]) -> list[list[float | None]]:
    """Holm's step-down correction over all p-values: adjusted ones, in their places."""
    places = [
        (p, row, column)
        for row, values in enumerate(raw)
        for column, p in enumerate(values)
        if p is not None
    ]
    adjusted = [list(values) for values in raw]
    highest = 0.0
    for rank, (p, row, column) in enumerate(sorted(places)):
        highest = max(highest, min(1.0, p * (len(places) - rank)))
        adjusted[row][column] = highest
    return adjusted


def _per_query(codes: Any, asked: str, ranked: str, metric: str) -> Any:
    """(Q,) values of a metric; NaN for queries that are left out."""
    from hashbench.metrics.metric import parse_metric
    from hashbench.metrics.ranking import evaluate

    sides = codes.query[asked], codes.database[ranked]
    found = evaluate(*sides, codes.query_labels, codes.database_labels, [parse_metric(metric)])
    return found[0].per_query


def _directions(codes: Any) -> list[tuple[str, str, str]]:
    """(direction, query modality, database modality) that the codes allow."""
    if "mm" in codes.query:
        return [("mm", "mm", "mm")]
    return [(name, *_sides(name)) for name in ("i2t", "t2i") if len(codes.query) == 2]


def _sides(direction: str) -> tuple[str, str]:
    letters = {"i": "image", "t": "text"}
    asked, _, ranked = direction.partition("2")
    return (letters[asked], letters[ranked]) if ranked else (direction, direction)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question: `ask` is curves (with `run`) or significance."""
    match question["ask"]:
        case "curves":
            return curves(RunFolder(Path(question["run"])))
        case "significance":
            found = significance(
                [RunFolder(Path(run)) for run in question["baseline"]],
                [[RunFolder(Path(run)) for run in system] for system in question["others"]],
                [(int(bits), str(direction)) for bits, direction in question["columns"]],
                question["metric"],
            )
            return {"p": found}
        case other:
            raise InputError(f"there is no question {other!r}")


def main() -> int:
    """One question, one answer; an error of ours is an answer, too."""
    try:
        told = answer(json.load(sys.stdin))
    except HashbenchError as error:
        told = {"error": error.problem, "where": error.where, "remedy": error.remedy}
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
