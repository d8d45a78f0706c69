"""Runs of baselines on the small built-in dataset, and what they are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.engine.build import build_method, prepare
from hashbench.errors import InputError
from hashbench.methods.base import Method, Stage
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand
from hashbench.runs import control, result
from hashbench.runs.layout import RunFolder
from tests.engine.conftest import Make
from tests.engine.test_build import CPU, prepared_for, spec_of
from tests.engine.test_resume import codes

BASELINES = (
    "cca-itq", "cirh", "clipmh", "cmcl", "cvh", "dchmt", "dcmh", "dhaph", "djsrh", "dnph-tmm",
    "dnph-tomm", "dsph", "itq", "jdsh", "mith", "pca-sign", "probe", "ssah", "ucch", "zero-shot",
)  # fmt: skip
QUICK = ("dsph", "probe")


@pytest.mark.parametrize(
    "name",
    [
        # a whole run each; the contract makes a short one of every method
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in BASELINES
    ],
)
def test_a_baseline_is_better_than_random_codes(
    name: str, make: Make, here: Callable[[RunFolder], int]
) -> None:
    run = make(method=[name])
    assert here(run) == 0, run.events.read_text()
    scored = result.read(run.result)
    floor = scored.floors["16"]["mAP@all"]
    for direction, scores in scored.scores["16"].items():
        assert scores["mAP@all"] > floor + 0.02, direction


@pytest.mark.parametrize("name", ["dsph", "dhaph"])
def test_a_stopped_baseline_ends_with_the_codes_of_one_that_was_not(
    name: str, make: Make, here: Callable[[RunFolder], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Velocities of proxies and the epoch that sets the pace are in the checkpoint."""
    whole, stopped = (make(method=[name], epochs=4) for _ in range(2))
    assert here(whole) == 0
    requests = iter([None, None, None, None, "stop"])  # in the middle of the third epoch
    monkeypatch.setattr(control, "read", lambda run: next(requests, None))
    here(stopped)
    assert not stopped.result.exists()
    assert here(stopped) == 0
    for key, array in codes(whole).items():
        np.testing.assert_array_equal(codes(stopped)[key], array, err_msg=key)


def test_unsupervised_methods_are_built_without_labels(data_dir: Path, tmp_path: Path) -> None:
    for name in ("lsh", "djsrh"):
        prepared = prepared_for(spec_of(name), data_dir, tmp_path)
        _, batch = next(prepared.data.batches(0, Stage("hash", "", 1, 8), 0, 0))
        assert not bool(batch.labels.any() or batch.known.any())
        method = build_method(prepared)
        assert isinstance(method, Method)
        train = method.context.train
        assert not bool(train.labels.any())
        assert not bool(train.known.any())
        assert method.context.held_out is None
    method = build_method(prepared_for(spec_of("probe"), data_dir, tmp_path))
    assert bool(method.context.train.labels.any())


def test_features_of_different_widths_are_refused_where_one_space_is_needed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "data" / "featureset").mkdir(parents=True)
    np.savez(
        tmp_path / "data" / "featureset" / "some.npz",
        I=rng.normal(size=(60, 6)),
        T=rng.normal(size=(60, 4)),
        L=rng.random((60, 3)) < 0.5,
    )
    for name, card in catalog.methods().items():
        if card.needs_encoders or card.published_only:
            continue
        request = Request(
            method=[name], dataset=["featureset"], bits=[4], query_size=10, train_size=20
        )
        (spec,) = expand(request, tmp_path / "data")
        if card.needs_joint_space:
            with pytest.raises(InputError, match=f"{name} needs images and texts in one space"):
                prepare(spec, tmp_path / "data", tmp_path / f"{name}.npz", CPU)
        else:
            prepared = prepare(spec, tmp_path / "data", tmp_path / f"{name}.npz", CPU)
            method = build_method(prepared).eval()
            method.begin_stage(method.stages()[0])
            with torch.inference_mode():
                train = prepared.data.train
                if "mm" in card.directions:
                    both = torch.ones(len(train), 2, dtype=torch.bool)
                    codes = method.encode_mm(train.images, train.texts, both)
                else:
                    codes = method.encode_text(train.texts)
            assert codes[4].shape == (len(train), 4)
