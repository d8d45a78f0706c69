"""What every method of the catalogue keeps, end to end on the small built-in dataset."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import pytest

from hashbench.codefiles.native import read_codes
from hashbench.methods.base import Method
from hashbench.plan import catalog
from hashbench.runs import events, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make, here, make  # noqa: F401  # two of them are fixtures

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
def test_a_short_run_is_scored_audited_and_reported(
    name: str,
    make: Make,  # noqa: F811
    here: Callable[[RunFolder], int],  # noqa: F811
) -> None:
    card = catalog.method(name)
    protocol = "published" if card.published_only else "strict"
    run = make(method=[name], epochs=2 if card.epoch_params else None, protocol=protocol)
    assert here(run) == 0, run.events.read_text()
    scored = result.read(run.result)
    # a method of the published protocol alone leaks by design, and the audit has to notice
    assert scored.audit.clean != card.published_only, scored.audit.verdict
    for direction in card.directions:
        scores = scored.scores["16"][direction]
        worst, best = scores["mAP@all(tie=worst)"], scores["mAP@all(tie=best)"]
        assert 0 < worst <= scores["mAP@all"] <= best <= 1
    (codes,) = read_codes(run.codes)
    assert codes.bits == 16
    assert len(codes.query_labels) == len(codes.query_ids) == scored.split["query"]
    written = read_all(run.events)
    assert isinstance(written[-1], events.Finished)
    (plan,) = (event for event in written if isinstance(event, events.Planned))
    for stage in plan.stages:
        epochs = [e for e in written if isinstance(e, events.EpochEnded) and e.stage == stage.name]
        assert len(epochs) == stage.epochs
        for epoch in epochs:
            assert all(math.isfinite(value) for value in epoch.values.values())
            assert "total" in epoch.values
    (test_scores,) = (e for e in written if isinstance(e, events.Scores) and e.on == "test")
    assert test_scores.seq > max(
        e.seq for e in written if isinstance(e, events.EpochEnded | events.StageBegan)
    )


@pytest.mark.parametrize(("name", "ablation"), [("dchmt", "tuned-2"), ("mith", "full-tuned-2")])
def test_a_baseline_with_tuned_blocks_is_scored_and_audited(
    name: str,
    ablation: str,
    make: Make,  # noqa: F811
    here: Callable[[RunFolder], int],  # noqa: F811
) -> None:
    run = make(method=[name], ablate=[ablation], epochs=1)
    assert here(run) == 0, run.events.read_text()
    scored = result.read(run.result)
    assert scored.audit.clean, scored.audit.verdict
    assert "block inputs" in scored.facts
    assert 0 < scored.scores["16"]["i2t"]["mAP@all"] <= 1
