"""Every method keeps its tensors on the run's device, as far as that can be seen without a GPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from hashbench.engine import pipeline, randomness
from hashbench.plan import catalog
from hashbench.runs import result
from hashbench.runs.writer import EventWriter
from tests.engine.conftest import Make
from tests.engine.fake_gpu import DEVICE, FakeGpu, WrongDeviceError


def test_the_pretended_gpu_refuses_what_cuda_refuses() -> None:
    with FakeGpu():
        here = torch.ones(3).to(DEVICE)
        made = torch.zeros(3, device=DEVICE)
        assert here.device == made.device == (here + made).device == DEVICE
        assert torch.ones(3).device == here.cpu().device == torch.device("cpu")
        for wrong in (
            lambda: here + torch.ones(3),
            lambda: torch.ones(3)[here.long()],
            lambda: torch.cat([here, torch.ones(1)]),
            here.numpy,
            lambda: here.cumsum(0),
            lambda: torch.nn.functional.linear(here[None], torch.ones(2, 3)),
            lambda: torch.nn.Linear(3, 2)(here),
        ):
            with pytest.raises(WrongDeviceError):
                wrong()
        allowed: list[Any] = [
            here * torch.tensor(2.0),
            here[torch.tensor([0, 2])],
            made.copy_(torch.ones(3)),
            torch.zeros_like(here)[:2],
            here.to(torch.float16),
        ]
        assert all(tensor.device == DEVICE for tensor in allowed)
        layer = torch.nn.Linear(3, 2).to(DEVICE)
        optimiser = torch.optim.AdamW(layer.parameters())
        layer(here).sum().backward()
        optimiser.step()
        assert layer.weight.grad is not None
        assert layer.weight.grad.device == layer.weight.device == DEVICE
        assert here.cpu().numpy().sum() == 3


def test_products_on_gpus_are_made_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    randomness.deterministic()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("name", list(catalog.methods()))
def test_a_run_keeps_its_tensors_on_one_device(
    name: str, make: Make, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = catalog.method(name)
    # with unknown labels, so that what recovers and augments them runs, too
    protocol = "published" if card.published_only else "strict"
    epochs = 1 if card.epoch_params else None
    run = make(method=[name], epochs=epochs, known_ratio=[0.5], protocol=protocol)
    monkeypatch.setattr(pipeline, "find_device", lambda *_: DEVICE)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "pretended")
    with EventWriter(run.events) as writer, FakeGpu():
        pipeline.work(run, data_dir, writer, None)
    outcome = result.read(run.result)
    assert outcome.audit.clean != card.published_only
    assert outcome.facts["device"] == "cuda:0"
