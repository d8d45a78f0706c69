"""What goes into a checkpoint comes out of it, tensor for tensor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hashbench.engine import checkpoint, randomness
from hashbench.engine.checkpoint import Best, Checkpoint, Position
from hashbench.errors import DamagedFileError
from hashbench.runs.layout import RunFolder


def trained() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    optimiser = torch.optim.AdamW(
        [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[1].parameters()}], lr=0.01
    )
    for _ in range(3):
        optimiser.zero_grad()
        model(torch.randn(8, 4)).square().sum().backward()
        optimiser.step()
    return model, optimiser


def test_model_optimiser_and_position_survive(tmp_path: Path) -> None:
    model, optimiser = trained()
    best = Best()
    assert best.offer(0.5, "s", 2, model)
    assert not best.offer(0.5, "s", 3, model)  # the first of equals stays
    sums = {"Phi1": 0.1 + 0.2, "total": 1e-300}
    state = Checkpoint(
        "hash", Position(1, 2, 3), model.state_dict(), optimiser.state_dict(), best, sums
    )
    run = RunFolder(tmp_path)
    checkpoint.save(run, state)
    loaded = checkpoint.load(run, "hash")
    assert loaded is not None
    assert loaded.position == Position(1, 2, 3)
    assert (loaded.best.score, loaded.best.epoch) == (0.5, 2)
    assert loaded.sums == sums
    other, fresh = trained()
    other.load_state_dict(loaded.model)
    assert loaded.optimiser is not None
    fresh.load_state_dict(loaded.optimiser)
    for a, b in ((model, optimiser), (other, fresh)):
        torch.manual_seed(1)
        b.zero_grad()
        a(torch.randn(8, 4)).square().sum().backward()
        b.step()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert checkpoint.load(RunFolder(tmp_path), "hash") is None


@pytest.mark.parametrize("keep", [0, 8, 100, -1])
def test_a_torn_file_is_named(tmp_path: Path, keep: int) -> None:
    run = RunFolder(tmp_path)
    model, _ = trained()
    checkpoint.save(run, Checkpoint("hash", Position(), model.state_dict(), None, Best()))
    path = checkpoint.path_of(run)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedFileError, match=r"last\.safetensors"):
        checkpoint.load(run, "hash")


def test_a_checkpoint_of_another_spec_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    model, _ = trained()
    checkpoint.save(run, Checkpoint("hash", Position(), model.state_dict(), None, Best()))
    with pytest.raises(DamagedFileError, match="another spec"):
        checkpoint.load(run, "other")


def test_random_state_is_a_function_of_position() -> None:
    randomness.reseed(0, "step", "a", 1, 2)
    first = torch.rand(3)
    torch.rand(100)
    randomness.reseed(0, "step", "a", 1, 2)
    assert torch.equal(first, torch.rand(3))
    randomness.reseed(0, "step", "a", 1, 3)
    assert not torch.equal(first, torch.rand(3))
    assert sorted(randomness.shuffled(50, 0, "order").tolist()) == list(range(50))
