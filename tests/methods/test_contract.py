"""What every method of the catalogue keeps, end to end on the small built-in dataset."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import pytest

from hashbench.codefiles.native import read_codes
from hashbench.methods.base import Method
from hashbench.plan import catalog
from hashbench.runs import events, result
from hashbench.runs.tailer import read_all
from tests.engine.conftest import make, worker  # noqa: F401  # `make` is a fixture

METHODS = list(catalog.methods())


def test_the_four_methods_and_the_floor_are_found() -> None:
    assert {"soda", "pcril", "prompthash", "pghmh", "lsh"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_an_encoder_has_no_argument_for_labels_or_the_other_modality(name: str) -> None:
    method = catalog.load(catalog.method(name).entry)
    assert issubclass(method, Method)
    assert list(inspect.signature(method.encode_image).parameters) == ["self", "images"]
    assert list(inspect.signature(method.encode_text).parameters) == ["self", "texts"]
    fused = list(inspect.signature(method.encode_mm).parameters)
    assert fused == ["self", "images", "texts", "available"]


@pytest.mark.parametrize("name", METHODS)
def test_a_short_run_is_scored_audited_and_reported(name: str, make, data_dir: Path) -> None:  # noqa: F811
    card = catalog.method(name)
    run = make(method=[name], epochs=2 if card.epoch_params else None)
    process = worker(run, data_dir)
    assert process.wait(timeout=300) == 0, run.log.read_text()
    found = result.read(run.result)
    assert found.audit.clean, found.audit.verdict
    for direction in card.directions:
        scores = found.scores["16"][direction]
        worst, best = scores["mAP@all(tie=worst)"], scores["mAP@all(tie=best)"]
        assert 0 < worst <= scores["mAP@all"] <= best <= 1
    (codes,) = read_codes(run.codes)
    assert codes.bits == 16
    assert len(codes.query_labels) == len(codes.query_ids) == found.split["query"]
    told = read_all(run.events)
    assert isinstance(told[-1], events.Finished)
    (plan,) = (event for event in told if isinstance(event, events.Planned))
    for stage in plan.stages:
        epochs = [e for e in told if isinstance(e, events.EpochEnded) and e.stage == stage.name]
        assert len(epochs) == stage.epochs
        for epoch in epochs:
            assert all(math.isfinite(value) for value in epoch.values.values())
            assert "total" in epoch.values
    (test_scores,) = (e for e in told if isinstance(e, events.Scores) and e.on == "test")
    assert test_scores.seq > max(
        e.seq for e in told if isinstance(e, events.EpochEnded | events.StageBegan)
    )
