"""The built-in backbone `picturebook-clip`: a small open_clip model, its weights in the package.

The weights were made by `hashbench.backbones.pretrain_picturebook`; the header of the file says
from which seed, in how many steps, at what cost and how good they are (`facts`). The file holds
half precision numbers, and of CLIP's 49,408 token embeddings only the rows of tokens that occurred
in pre-training, with their ids. The other rows keep the values that an untrained model starts with
(`untrained_rows`), so that two unknown words still differ.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from hashbench.backbones.openclip_import import open_clip
from hashbench.errors import DamagedFileError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "picturebook-clip"
WEIGHTS = Path(__file__).with_name("picturebook_clip.safetensors")
FORMAT = "1"
TOKENS = "token_embedding.weight"
TOKEN_IDS = "token_ids"  # noqa: S105 - no password

CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": 64,
        "patch_size": 8,
        "layers": 4,
        "width": 128,
        "head_width": 32,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "layers": 3,
        "width": 128,
        "heads": 4,
    },
}


def build(weights: Path = WEIGHTS) -> torch.nn.Module:
    """The pre-trained `open_clip.model.CLIP`, in eval mode and without gradients, in float32.

    Raises InputError when the file is missing and DamagedFileError when it is not such a file.
    """
    state, _ = _read(weights)
    known = state.pop(TOKEN_IDS).long()
    rows = torch.from_numpy(untrained_rows())
    rows[known] = state[TOKENS]
    state[TOKENS] = rows
    model = untrained(seed=0)
    try:
        model.load_state_dict(state)
    except RuntimeError as failure:
        raise _damaged(weights, str(failure)) from failure
    return model.eval().requires_grad_(requires_grad=False)


def untrained(seed: int) -> torch.nn.Module:
    """A model of CONFIG with open_clip's own initial values; torch's global state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: torch.nn.Module = open_clip().model.CLIP(**CONFIG)
    return model


def untrained_rows() -> NDArray[np.float32]:
    """Initial token embeddings, (49408, 128): uniform, of CLIP's standard deviation of 0.02."""
    shape = (CONFIG["text_cfg"]["vocab_size"], CONFIG["text_cfg"]["width"])
    uniform = np.random.Generator(np.random.Philox(key=0)).random(shape)
    rows: NDArray[np.float32] = ((2.0 * uniform - 1.0) * (0.02 * 3.0**0.5)).astype(np.float32)
    return rows


def weights_hash(weights: Path = WEIGHTS) -> str:
    """SHA-256 of the weights file in hexadecimal. Raises InputError when it is missing."""
    _require(weights)
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def facts(weights: Path = WEIGHTS) -> dict[str, str]:
    """What the file's header says: format, seed, steps, scenes, cost and measured quality."""
    _, header = _read(weights)
    return header


def _read(weights: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors, half precision widened to float32 (which is exact), and the header."""
    _require(weights)
    try:
        with safe_open(weights, framework="pt") as file:
            header = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as failure:
        raise _damaged(weights, str(failure)) from failure
    if header.get("format") != FORMAT or TOKEN_IDS not in state or TOKENS not in state:
        raise _damaged(weights, f"it is not a {NAME} file of format {FORMAT}")
    wide = {
        name: value.float() if value.dtype == torch.float16 else value
        for name, value in state.items()
    }
    return wide, header


def _require(weights: Path) -> None:
    if not weights.is_file():
        raise InputError(
            f"the weights of {NAME} are missing",
            where=weights,
            remedy="install hashbench again, or make them: "
            f"python -m hashbench.backbones.pretrain_picturebook --out {weights}",
        )


def _damaged(weights: Path, problem: str) -> DamagedFileError:
    return DamagedFileError(
        f"the weights of {NAME} cannot be used: {problem}",
        where=weights,
        remedy="install hashbench again",
    )
