"""Runs over precomputed features: which methods can, and what the others say."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hashbench.plan import catalog
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from hashbench.runs import events, layout
from hashbench.runs.tailer import read_all
from tests.engine.conftest import worker


@pytest.mark.parametrize(("method", "code"), [("lsh", 0), ("soda", 0), ("pcril", 2)])
def test_methods_that_need_the_encoders_say_so(tmp_path: Path, method: str, code: int) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "data" / "featureset").mkdir(parents=True)
    np.savez(
        tmp_path / "data" / "featureset" / "some.npz",
        I=rng.normal(size=(60, 6)),
        T=rng.normal(size=(60, 4)),
        L=rng.random((60, 3)) < 0.5,
    )
    request = Request(
        method="lsh", dataset=["featureset"], bits=[8], threads=1, query_size=10, train_size=20,
    )  # fmt: skip
    (lsh,) = expand(request, tmp_path / "data")
    # `expand` refuses the others; a spec written by hand meets the worker's own check
    params = catalog.method(method).params
    spec = msgspec.structs.replace(
        lsh, method=method, params={param.name: param.default for param in params}
    )
    run = layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))
    assert worker(run, tmp_path / "data").wait(timeout=300) == code, run.log.read_text()
    failed = [event for event in read_all(run.events) if isinstance(event, events.Failed)]
    assert len(failed) == bool(code)
    facts = {
        event.name: event.value for event in read_all(run.events) if isinstance(event, events.Fact)
    }
    assert ("label prompts" in facts) == (method == "soda")
    assert not list((tmp_path / "data").rglob("prompts.*"))  # no other tower encoded label prompts
    if failed:
        assert "pcril cannot work on featureset" in failed[0].reason
        assert "soda" in failed[0].remedy
