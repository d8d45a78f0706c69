"""Estimates: measured once a kind of run, added up, and what cannot fit is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psutil
import pytest

from hashbench.errors import InputError
from hashbench.launch import estimates
from hashbench.plan.request import expand
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.run_options import Request
from hashbench.plan.spec import RunSpec

GIGA = 10**9
ONE = RunEstimate(
    feature_seconds=100.0,
    training_seconds=10.0,
    scoring_seconds=1.0,
    cache_key="features",
    cache_bytes=2 * GIGA,
    run_bytes=GIGA,
    memory_bytes=3 * GIGA,
)


def test_runs_that_cost_the_same_are_measured_once() -> None:
    measured: list[RunSpec] = []

    def measure(spec: RunSpec, data_dir: Path) -> RunEstimate:
        measured.append(spec)
        return ONE

    specs = expand(
        Request(method=["soda", "pcril"], bits=[16, 32], seed=[0, 1], known_ratio=[0.3, 0.5, 1.0])
    )
    assert len(estimates.measured(specs, Path(), measure)) == len(specs) == 24
    assert [(spec.method, spec.labels.known_ratio < 1) for spec in measured] == [
        ("soda", True), ("soda", False), ("pcril", True), ("pcril", False),
    ]  # fmt: skip
    measured.clear()
    estimates.measured(expand(Request(epochs=[1, 2])), Path(), measure)
    assert len(measured) == 2


def test_shared_features_count_once() -> None:
    other = msgspec.structs.replace(ONE, cache_key="of others")
    assert estimates.disk_bytes([ONE, ONE]) == 4 * GIGA
    assert estimates.disk_bytes([ONE, other]) == 6 * GIGA
    assert estimates.total_seconds([ONE, ONE]) == 122.0
    assert (ONE.seconds, ONE.disk_bytes) == (111.0, 3 * GIGA)


@pytest.mark.parametrize(
    ("free", "memory", "count", "changes", "refusal"),
    [
        (4 * GIGA, 3 * GIGA, 2, {}, ""),
        (4 * GIGA - 1, 3 * GIGA, 2, {}, r"4\.0 GB of disk are needed .* and 4\.0 GB are free"),
        (9 * GIGA, 3 * GIGA - 1, 1, {}, r"needs 3\.0 GB of memory"),
        (9 * GIGA, 9 * GIGA, 1, {"gpu_bytes": 2 * GIGA, "gpu_total": GIGA}, r"2\.0 GB of GPU mem"),
        (9 * GIGA, 9 * GIGA, 1, {"gpu_bytes": GIGA, "gpu_total": 2 * GIGA}, ""),
    ],
)
def test_what_cannot_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    free: int,
    memory: int,
    count: int,
    changes: dict[str, Any],
    refusal: str,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=memory))
    wanted = [msgspec.structs.replace(ONE, **changes)] * count
    data, runs = tmp_path / "data", tmp_path / "not" / "yet"
    if not refusal:
        estimates.require_room(wanted, data, runs)
        return
    with pytest.raises(InputError, match=refusal) as refused:
        estimates.require_room(wanted, data, runs)
    assert refused.value.remedy
    assert not runs.exists()


def test_a_process_that_fails_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (spec,) = expand(Request(dataset="coco", preset="built-in"))
    with pytest.raises(InputError, match="coco"):  # as the run would say
        estimates.measured_apart(spec, tmp_path)
    monkeypatch.setattr(estimates.sys, "executable", "/bin/false")  # type: ignore[attr-defined]
    with pytest.raises(estimates.HashbenchError, match="exit code 1") as failed:
        estimates.measured_apart(spec, tmp_path)
    assert "--no-estimate" in str(failed.value.remedy)
