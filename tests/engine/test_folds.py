"""Cross-validation: folds as splits, as runs, as one row of a table, and query by query."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from hashbench.cli.main import app
from hashbench.codefiles.native import read_code_file
from hashbench.datasets.named_splits import choose_fold
from hashbench.datasets.splits import fold_split
from hashbench.errors import InputError
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.ranking import evaluate
from hashbench.metrics.significance import paired_randomisation
from hashbench.plan.request import Request, expand, repeated
from hashbench.plan.run_options import request
from hashbench.report import rows
from hashbench.report.significance import SEED, significance
from hashbench.runs import result
from hashbench.runs.layout import RunFolder
from tests.datasets.test_named_splits import dataset
from tests.engine.conftest import Make


@given(st.integers(2, 7), st.integers(20, 90), st.integers(0, 9))
def test_every_item_is_a_query_once(folds: int, count: int, seed: int) -> None:
    items = dataset(count)
    drawn = [fold_split(items, fold, folds, 9, seed) for fold in range(1, folds + 1)]
    assert np.array_equal(np.sort(np.concatenate([split.query for split in drawn])), range(count))
    for split in drawn:
        assert abs(len(split.query) - count / folds) < 1
        assert len(split.database) == count - len(split.query)
        assert len(split.train) == 9
        assert len(split.validation) == 1
    assert len({split.name for split in drawn}) == 1
    assert len({split.hash for split in drawn}) == folds
    # another seed or another number of training items is another division
    assert fold_split(items, 1, folds, 9, seed + 1).name != drawn[0].name
    assert fold_split(items, 1, folds, 8, seed).name != drawn[0].name


def test_usual_sizes_shrink_and_asked_ones_are_refused() -> None:
    assert len(choose_fold(dataset(60), 2, 3, 500, 0, usual_sizes=True).train) == 30
    with pytest.raises(InputError, match="500 training items asked for, 40 can be one"):
        choose_fold(dataset(60), 2, 3, 500, 0)
    with pytest.raises(InputError, match="9 items cannot be divided into 5 folds"):
        choose_fold(dataset(9), 1, 5, 2, 0)


def test_folds_span_a_grid_and_repeat_themselves() -> None:
    whole = expand(Request(method=["lsh", "soda"], folds=5, seed=[0, 1]))
    assert len(whole) == len({spec.hash for spec in whole}) == 20
    assert {spec.dataset.fold for spec in whole} == {1, 2, 3, 4, 5}
    some = expand(Request(method="lsh", folds=5, fold=[2, 4], train_size=100))
    assert [spec.dataset.fold_label for spec in some] == ["fold 2 of 5", "fold 4 of 5"]
    for spec in (*whole, *some):
        assert expand(request(repeated(spec))) == [spec]


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"fold": 2}, "--fold"),
        ({"folds": 3, "fold": [1, 4]}, "--fold"),
        ({"folds": 1}, "--folds"),
        ({"folds": 3, "query_size": 9}, "--query-size"),
        ({"folds": 3, "split": "mith"}, "--folds"),
        ({"folds": 3, "method": "pcril", "dataset": "mirflickr25k"}, "--folds"),  # its preset
    ],
)
def test_what_makes_no_folds_is_refused(asked: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as refused:
        expand(Request(**asked))
    assert refused.value.where == where
    assert refused.value.remedy


def test_a_set_with_test_items_of_its_own_is_refused_before_a_run_is_made(
    tmp_path: Path, shared_data: Path
) -> None:
    words = ["run", "-m", "lsh", "-d", "wikipedia", "--folds", "5", "--dry-run"]
    done = CliRunner().invoke(app, [*words, "--data-dir", str(shared_data)])
    assert isinstance(done.exception, InputError)
    assert "--folds: wikipedia comes with its own test and training parts" in str(done.exception)


def test_folds_are_one_row_and_pair_within_themselves(
    make: Make, here: Callable[[RunFolder], int]
) -> None:
    asked = {"folds": 3, "train_size": 60}
    runs = {
        (method, fold, seed): make(method=[method], fold=fold, seed=[seed], **asked)
        for method in ("lsh", "pca-sign")
        for fold in (1, 2, 3)
        for seed in ((0, 1) if method == "lsh" else (0,))
    }
    for run in runs.values():
        assert here(run) == 0
    root = next(iter(runs.values())).path.parent
    (table,) = compared("--runs-dir", root, "--versus", "pca-sign")
    lsh = next(row for row in table["rows"] if row["method"] == "lsh")
    assert (table["folds"], lsh["seeds"], lsh["scores"][0]["folds"]) == (3, 2, [1, 2, 3])
    means = [
        statistics.fmean(score(runs["lsh", fold, seed]) for seed in (0, 1)) for fold in (1, 2, 3)
    ]
    assert lsh["scores"][0]["values"] == pytest.approx(means)
    assert lsh["scores"][0]["deviation"] == pytest.approx(statistics.stdev(means))
    ours = np.concatenate([per_query(runs["pca-sign", fold, 0]) for fold in (1, 2, 3)])
    theirs = np.concatenate(
        [(per_query(runs["lsh", f, 0]) + per_query(runs["lsh", f, 1])) / 2 for f in (1, 2, 3)]
    )
    raw = [paired_randomisation(ours, theirs, seed=SEED)]
    assert raw[0].queries > 300  # nearly all items, each asked once
    baseline = [runs["pca-sign", fold, 0] for fold in (1, 2, 3)]
    others = [[run for key, run in runs.items() if key[0] == "lsh"]]
    assert significance(baseline, others, [(16, "i2t")], "mAP@all") == [[raw[0].p_value]]
    text = shown(root)
    assert "3 folds × 2 seeds" in text
    assert "over folds, each the mean over its seeds" in text
    assert "in one of 3 folds" in text
    # a row that lacks a fold is not ranked with one that has it, and is paired on the others
    (table,) = compared(*(run.path for key, run in runs.items() if key != ("pca-sign", 2, 0)))
    assert not any(one["best"] for row in table["rows"] for one in row["scores"])
    marks = {row["method"]: row["marks"] for row in table["rows"]}
    assert marks == {"lsh": [], "pca-sign": ["LACKS FOLD 2, not ranked"]}
    two = significance(baseline[:1], others, [(16, "i2t")], "mAP@all")
    first = len(per_query(baseline[0]))
    assert two == [[paired_randomisation(ours[:first], theirs[:first], seed=SEED).p_value]]
    # folds of another division are another table
    other = make(method=["lsh"], fold=1, split_seed=[4], **asked)
    assert here(other) == 0
    assert len({one.condition for one in rows.collect([other, baseline[0]]).finished}) == 2


def compared(*arguments: str | Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["compare", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.exception
    tables: list[dict[str, Any]] = json.loads(done.stdout)["tables"]
    return tables


def shown(root: Path) -> str:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["compare", "--runs-dir", str(root)])
    return " ".join(done.output.split())


def score(run: RunFolder) -> float:
    return result.read(run.result).scores["16"]["i2t"]["mAP@all"]


def per_query(run: RunFolder) -> np.ndarray:
    codes = read_code_file(run.codes / "16.npz")
    (one,) = evaluate(
        *codes.sides("i2t"), codes.query_labels, codes.database_labels, [parse_metric("mAP@all")]
    )
    return one.per_query
