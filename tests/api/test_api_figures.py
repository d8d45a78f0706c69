"""Figures from a program: the numbers are those of the runs, and a notebook shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

import hashbench
from hashbench.errors import InputError
from hashbench.report.figures import paper
from tests.report.scored_runs import scored_run


def test_a_figure_has_the_scores_of_its_runs(tmp_path: Path) -> None:
    folder = scored_run(tmp_path, method="lsh", bits=[16, 32])
    run = hashbench.load_run("last", tmp_path)
    for runs in ([run], [folder.id], None):
        plot = hashbench.plot("map-over-bits", runs, runs_dir=tmp_path)
        drawn = {float(one["y"]) for one in plot.records() if one["y"] not in ("", None)}
        scores = {run.scores[bits][way]["mAP@all"] for bits in ("16", "32") for way in ("i2t",)}
        assert all(any(abs(value - score) < 1e-6 for value in drawn) for score in scores)
    assert "bits" in str(plot)
    assert "<figure" in repr(plot)


def test_a_notebook_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored_run(tmp_path, method="lsh", bits=[16, 32])
    plot = hashbench.plot("map-over-bits", runs_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(paper, "installed", lambda: False)
        assert plot._repr_svg_() is None
    pytest.importorskip("matplotlib", reason="needs the extra `plots`")
    svg = plot._repr_svg_()
    assert svg is not None
    assert svg.startswith("<svg")
    assert plot.save(tmp_path / "bits.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match="no form of figures"):
        plot.save(tmp_path / "bits.doc")
