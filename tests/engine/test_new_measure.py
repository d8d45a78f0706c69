"""A measure that is added as one file is known everywhere: runs, compare, eval, floors, notes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashbench.cli.main import app
from hashbench.metrics import catalog, measures
from hashbench.metrics.metric import parse_metric
from hashbench.runs import result
from tests.engine.conftest import Make

FILE = '''
"""F: the harmonic mean of precision and recall of the first K ranks."""

from hashbench.metrics.measure import Measure, Option


def per_query(histograms, metric, walk):
    from hashbench.metrics.cutoffs import depth_in_ranks, hits_at_rank, ratio

    relevant = histograms.relevant.sum(axis=1)
    depth = depth_in_ranks(histograms.items, metric)
    weight = 4 if metric.option("lean") == "recall" else 1
    hits = hits_at_rank(histograms, metric, walk)
    return ratio((1 + weight) * hits, depth + weight * relevant)


MEASURE = Measure(
    name="F",
    title="F measure",
    cuts=("rank",),
    per_query=per_query,
    examples=("F@50",),
    reported=("F@10",),
    options=(Option("lean", ("even", "recall"), ("rank",), {"recall": "recall counts twice"}),),
)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of measures that stands beside those of the package while a test runs."""
    added = tmp_path / "measures"
    added.mkdir()
    (added / "f_measure.py").write_text(FILE)
    monkeypatch.setattr(measures, "__path__", [*measures.__path__, str(added)])
    catalog.built_in_measures.cache_clear()
    yield added
    monkeypatch.undo()
    sys.modules.pop(f"{measures.__name__}.f_measure", None)
    catalog.built_in_measures.cache_clear()


def test_one_file_makes_a_metric(folder: Path, make: Make, data_dir: Path) -> None:
    run = make(method=["lsh"])
    worker = (
        f"from hashbench.metrics import measures; measures.__path__.append({str(folder)!r})\n"
        "from hashbench.engine.__main__ import main\n"
        "raise SystemExit(main())"
    )
    subprocess.run(
        [sys.executable, "-c", worker, str(run.path), "--data-dir", str(data_dir)], check=True
    )
    stored = result.read(run.result)
    assert 0 < stored.floors["16"]["F@10"] < stored.scores["16"]["i2t"]["F@10"] < 1
    for name, held in (("f@10", True), ("F@20(lean=recall)", False)):
        done = CliRunner().invoke(app, ["compare", str(run.path), "--metric", name, "--json"])
        (table,) = json.loads(done.stdout)["tables"]
        assert table["metric"] == str(parse_metric(name))
        score = table["rows"][0]["scores"][0]["mean"]
        assert (score == stored.scores["16"]["i2t"]["F@10"]) is held
        assert 0 < table["floors"]["16"] < score
    done = CliRunner().invoke(app, ["eval", str(run.path), "-m", "f@20(lean=recall)"])
    text = " ".join(done.stdout.split())
    assert "F@20(lean=recall)" in text
    assert "F measure, first 20 ranks, recall counts twice" in text


def test_names_of_the_new_measure_are_checked(folder: Path) -> None:
    metric = parse_metric("i2t:f@5(LEAN=Recall,tie=best)")
    assert str(metric) == "i2t:F@5(tie=best,lean=recall)"
    assert parse_metric(str(metric)) == metric
    assert "F@50" in catalog.examples()
