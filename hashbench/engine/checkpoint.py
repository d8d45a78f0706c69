"""A checkpoint: one safetensors file, replaced atomically, that holds all a resumed run needs.

Model, memories and optimiser are tensors in it; position, optimiser scalars and the best score so
far are JSON in its header. No pickle anywhere.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from hashbench.errors import DamagedFileError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs.layout import RunFolder

FORMAT = "1"


@dataclass
class Position:
    """Where training stands: the next step to do. Random state follows from it."""

    stage: int = 0
    epoch: int = 0
    step: int = 0
    done: bool = False


@dataclass
class Best:
    """The best epoch so far by what selects, and the model's tensors at it."""

    score: float | None = None
    stage: str = ""
    epoch: int = -1
    model: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, score: float, stage: str, epoch: int, model: torch.nn.Module) -> bool:
        """Takes the model if it scores higher than the best so far; the first of equals stays."""
        if self.score is not None and score <= self.score:
            return False
        tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self.score, self.stage, self.epoch, self.model = score, stage, epoch, tensors
        return True


@dataclass
class Checkpoint:
    """What is saved. `sums` are the loss sums of the epoch that is under way."""

    spec_hash: str
    position: Position
    model: dict[str, Tensor]
    optimiser: dict[str, Any] | None
    best: Best
    sums: dict[str, float] = field(default_factory=dict)


def path_of(run: RunFolder) -> Path:
    """The one checkpoint file of a run."""
    return run.checkpoint / "last.safetensors"


def save(run: RunFolder, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint in place of the one before; a crash leaves one of the two."""
    tensors = {f"model/{name}": tensor for name, tensor in checkpoint.model.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in checkpoint.best.model.items()}
    scalars: dict[str, Any] | None = None
    if checkpoint.optimiser is not None:
        scalars = {"groups": checkpoint.optimiser["param_groups"], "state": {}}
        for index, slots in checkpoint.optimiser["state"].items():
            for name, value in slots.items():
                if isinstance(value, Tensor):
                    tensors[f"optimiser/{index}/{name}"] = value
                else:
                    scalars["state"].setdefault(str(index), {})[name] = value
    header = {
        "spec": checkpoint.spec_hash,
        "position": asdict(checkpoint.position),
        "best": {
            "score": checkpoint.best.score,
            "stage": checkpoint.best.stage,
            "epoch": checkpoint.best.epoch,
        },
        "optimiser": scalars,
        "sums": checkpoint.sums,
    }
    # safetensors refuses tensors that share memory; contiguous clones never do
    whole = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    content = to_bytes(whole, {"format": FORMAT, "state": json.dumps(header)})
    write_bytes_atomically(path_of(run), content)


def load(run: RunFolder, spec_hash: str) -> Checkpoint | None:
    """The last checkpoint, or None before the first. Raises DamagedFileError."""
    path = path_of(run)
    if not path.is_file():
        return None
    remedy = f"delete {path} to start this run from its beginning"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["format"] != FORMAT:
            raise DamagedFileError("is a checkpoint of another version", where=path, remedy=remedy)
        if header["spec"] != spec_hash:
            raise DamagedFileError(
                "belongs to another spec", where=path, remedy="put spec.toml back as it was"
            )
        return Checkpoint(
            spec_hash=header["spec"],
            position=Position(**header["position"]),
            model=_below("model/", tensors),
            optimiser=_optimiser(header["optimiser"], tensors),
            best=Best(**header["best"], model=_below("best/", tensors)),
            sums=header["sums"],
        )
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"cannot be read: {error}", where=path, remedy=remedy) from error


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}


def _optimiser(scalars: Any, tensors: dict[str, Tensor]) -> dict[str, Any] | None:
    if scalars is None:
        return None
    state: dict[int, dict[str, Any]] = {int(i): dict(v) for i, v in scalars["state"].items()}
    for name, tensor in _below("optimiser/", tensors).items():
        index, _, slot = name.partition("/")
        state.setdefault(int(index), {})[slot] = tensor
    return {"state": state, "param_groups": scalars["groups"]}
