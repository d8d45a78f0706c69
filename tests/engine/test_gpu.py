"""What only a GPU can show: each method trains, resumes and is audited on CUDA."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.launch import spawn
from hashbench.nn.state_space import StateSpace, scan_for, selective_scan
from hashbench.plan import catalog
from hashbench.runs import events, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make, worker
from tests.engine.test_resume import assert_same, codes, wait_for

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
METHODS = list(catalog.methods())


def finished(run: RunFolder, data_dir: Path) -> RunFolder:
    assert worker(run, data_dir).wait(timeout=600) == 0, run.log.read_text()
    return run


def losses(run: RunFolder) -> dict[tuple[str, int], float]:
    """(stage, epoch) -> mean of the summed loss."""
    return {
        (event.stage, event.epoch): event.values["total"]
        for event in read_all(run.events)
        if isinstance(event, events.EpochEnded)
    }


@pytest.mark.parametrize("name", METHODS)
def test_an_epoch_has_the_losses_that_it_has_on_the_cpu(
    name: str, make: Make, data_dir: Path, tmp_path: Path
) -> None:
    epochs = 1 if catalog.method(name).epoch_params else None
    cpu = finished(make(method=[name], epochs=epochs, device="cpu"), data_dir)
    # features of its own, so that the towers run on the GPU, too
    gpu = finished(make(method=[name], epochs=epochs, device="cuda"), tmp_path / "data")
    expected, actual = losses(cpu), losses(gpu)
    assert expected.keys() == actual.keys()
    for key, value in expected.items():
        assert actual[key] == pytest.approx(value, rel=0.05), key
    outcome = result.read(gpu.result)
    assert outcome.audit.clean, outcome.audit.verdict
    assert outcome.facts["device"].startswith("cuda")
    assert outcome.facts["device name"] == torch.cuda.get_device_name()
    for bits, scores in outcome.scores.items():
        for direction, metrics in scores.items():
            other = result.read(cpu.result).scores[bits][direction]["mAP@all"]
            assert metrics["mAP@all"] == pytest.approx(other, abs=0.05)


@pytest.mark.parametrize("name", [name for name in METHODS if catalog.method(name).epoch_params])
def test_a_killed_run_resumes_to_the_same_codes(name: str, make: Make, data_dir: Path) -> None:
    whole = finished(make(method=[name], epochs=3, device="cuda"), data_dir)
    run = make(method=[name], epochs=3, device="cuda")
    process = worker(run, data_dir)
    wait_for(run, events.EpochEnded, seconds=300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = spawn.start(run, data_dir)
    assert again.wait(timeout=600) == 0, run.log.read_text()
    assert_same(codes(run), codes(whole))


def test_bf16_encoding_is_near_fp32(make: Make, tmp_path: Path) -> None:
    runs = [
        finished(make(method=["lsh"], device="cuda", encode_precision=precision), tmp_path)
        for precision in ("fp32", "bf16")
    ]
    exact, mixed = (result.read(run.result) for run in runs)
    assert mixed.facts["encoding"] == "bf16"
    assert exact.backbone != mixed.backbone
    for direction, metrics in exact.scores["16"].items():
        assert mixed.scores["16"][direction]["mAP@all"] == pytest.approx(
            metrics["mAP@all"], abs=0.05
        )


@pytest.mark.skipif(importlib.util.find_spec("mamba_ssm") is None, reason="no mamba-ssm")
def test_the_kernel_of_mamba_ssm_runs_and_agrees_with_our_scan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = torch.device("cuda")
    _, name = scan_for(device)
    assert name.startswith("mamba-ssm")
    torch.manual_seed(0)
    block = StateSpace(32).to(device)
    x = torch.randn(4, 9, 32, device=device)
    fast = block(x)
    monkeypatch.setattr(
        "hashbench.nn.state_space.scan_for", lambda device: (selective_scan, "hashbench")
    )
    torch.testing.assert_close(fast, block(x), rtol=1e-3, atol=1e-4)
    assert np.isfinite(fast.detach().cpu().numpy()).all()
