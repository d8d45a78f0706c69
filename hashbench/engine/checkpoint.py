"""A checkpoint: one safetensors file, replaced atomically, that holds all a resumed run needs.

Model, memories and optimiser are tensors in it; position, optimiser scalars and the best score so
far are JSON in its header. No pickle anywhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import safetensors
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from hashbench.errors import DamagedFileError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs.layout import RunFolder

FORMAT = "2"


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


class _BestHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    score: float | None
    stage: str
    epoch: int


class _OptimiserHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the optimiser is no tensor: its groups, and scalars of its state by parameter."""

    groups: list[dict[str, Any]]
    state: dict[int, dict[str, float | int | bool | None]]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is JSON in the file: all that is no tensor."""

    spec: str
    position: Position
    best: _BestHeader
    optimiser: _OptimiserHeader | None
    sums: dict[str, float]


def path_of(run: RunFolder) -> Path:
    """The one checkpoint file of a run."""
    return run.checkpoint / "last.safetensors"


def save(run: RunFolder, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint in place of the one before; a crash leaves one of the two."""
    tensors = {f"model/{name}": tensor for name, tensor in checkpoint.model.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in checkpoint.best.model.items()}
    scalars: _OptimiserHeader | None = None
    if checkpoint.optimiser is not None:
        scalars = _OptimiserHeader(checkpoint.optimiser["param_groups"], {})
        for index, slots in checkpoint.optimiser["state"].items():
            for name, value in slots.items():
                if isinstance(value, Tensor):
                    tensors[f"optimiser/{index}/{name}"] = value
                else:
                    scalars.state.setdefault(index, {})[name] = value
    # safetensors refuses tensors that share memory; contiguous clones never do
    whole = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    best = checkpoint.best
    header = _Header(
        checkpoint.spec_hash,
        checkpoint.position,
        _BestHeader(best.score, best.stage, best.epoch),
        scalars,
        checkpoint.sums,
    )
    state = msgspec.json.encode(header).decode()
    metadata = {"format": FORMAT, "state": state, "digest": _digest(state, whole)}
    run.checkpoint.mkdir(exist_ok=True)
    write_bytes_atomically(path_of(run), to_bytes(whole, metadata), make_folder=False)


def load(run: RunFolder, spec_hash: str) -> Checkpoint | None:
    """The last checkpoint, or None before the first.

    Raises DamagedFileError for one that is torn, changed in a single bit, or of another spec.
    """
    path = path_of(run)
    if not path.is_file():
        return None
    remedy = f"delete {path} to start this run from its beginning"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["format"] != FORMAT:
            raise DamagedFileError("is a checkpoint of another version", where=path, remedy=remedy)
        header = msgspec.json.decode(metadata["state"], type=_Header)
        if metadata["digest"] != _digest(metadata["state"], tensors):
            raise DamagedFileError("is not what was written", where=path, remedy=remedy)
        if header.spec != spec_hash:
            raise DamagedFileError(
                "belongs to another spec", where=path, remedy="put spec.toml back as it was"
            )
    except (
        safetensors.SafetensorError, msgspec.DecodeError, OSError, KeyError, ValueError,
        RecursionError,
    ) as error:  # fmt: skip
        raise DamagedFileError(f"cannot be read: {error}", where=path, remedy=remedy) from error
    return Checkpoint(
        spec_hash=header.spec,
        position=header.position,
        model=_below("model/", tensors),
        optimiser=_optimiser(header.optimiser, tensors),
        best=Best(**msgspec.structs.asdict(header.best), model=_below("best/", tensors)),
        sums=header.sums,
    )


def _digest(state: str, tensors: dict[str, Tensor]) -> str:
    """Of all that a file holds, so that a changed bit is noticed and not trained on."""
    digest = hashlib.blake2b(state.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}


def _optimiser(
    scalars: _OptimiserHeader | None, tensors: dict[str, Tensor]
) -> dict[str, Any] | None:
    if scalars is None:
        return None
    state: dict[int, dict[str, Any]] = {index: dict(v) for index, v in scalars.state.items()}
    for name, tensor in _below("optimiser/", tensors).items():
        index, _, slot = name.partition("/")
        state.setdefault(int(index), {})[slot] = tensor
    return {"state": state, "param_groups": scalars.groups}
