"""Weights of the backbones that hashbench trained itself: how their files are written and read.

A file holds half precision numbers, and of CLIP's 49,408 token embeddings only the rows of tokens
that occurred in pre-training, with their ids. The other rows keep the values that an untrained
model starts with (`untrained_rows`), so that two unknown words still differ. The header says from
which seed the weights were made, at what cost and how good they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hashbench.errors import DamagedFileError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "1"
VOCABULARY = 49_408
TOKENS = "token_embedding.weight"
TOKEN_IDS = "token_ids"  # noqa: S105 - no password


@dataclass(frozen=True)
class OwnWeights:
    """The weights file of a backbone of ours; `script` is the module that makes it."""

    name: str
    path: Path
    script: str

    def load_into(self, model: torch.nn.Module) -> None:
        """Fills a model.

        Raises InputError when the file is missing and DamagedFileError when it is not such a file.
        """
        state, _ = self._read()
        known = state.pop(TOKEN_IDS).long()
        try:
            rows = torch.from_numpy(untrained_rows(state[TOKENS].shape[1]))
            rows[known] = state[TOKENS]
            model.load_state_dict({**state, TOKENS: rows})
        except (RuntimeError, IndexError) as failure:
            raise self._damaged(str(failure)) from failure

    def facts(self) -> dict[str, str]:
        """What the file's header says: format, seed, steps, data, cost and measured quality."""
        return self._read()[1]

    def sha256(self) -> str:
        """Of the file, in hexadecimal. Raises InputError when it is missing."""
        self._require()
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def _read(self) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        """The tensors, half precision widened to float32 (which is exact), and the header."""
        self._require()
        try:
            with safe_open(self.path, framework="pt") as file:
                header = dict(file.metadata() or {})
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as failure:
            raise self._damaged(str(failure)) from failure
        if header.get("format") != FORMAT or TOKEN_IDS not in state or TOKENS not in state:
            raise self._damaged(f"it is not a {self.name} file of format {FORMAT}")
        wide = {
            name: value.float() if value.dtype == torch.float16 else value
            for name, value in state.items()
        }
        return wide, header

    def _require(self) -> None:
        if not self.path.is_file():
            raise InputError(
                f"the weights of {self.name} are missing",
                where=self.path,
                remedy="install hashbench again, or make them: "
                f"python -m {self.script} --out {self.path}",
            )

    def _damaged(self, problem: str) -> DamagedFileError:
        return DamagedFileError(
            f"the weights of {self.name} cannot be used: {problem}",
            where=self.path,
            remedy="install hashbench again",
        )


def untrained_rows(width: int) -> NDArray[np.float32]:
    """Initial token embeddings (49408, width): uniform, of CLIP's standard deviation of 0.02."""
    uniform = np.random.Generator(np.random.Philox(key=0)).random((VOCABULARY, width))
    rows: NDArray[np.float32] = ((2.0 * uniform - 1.0) * (0.02 * 3.0**0.5)).astype(np.float32)
    return rows


def save(
    path: Path,
    state: Mapping[str, torch.Tensor],
    token_ids: NDArray[np.int64],
    facts: Mapping[str, str],
) -> None:
    """Writes a weights file in half precision, whole or not at all; `token_ids` (r) are those of
    the rows of the token embedding in `state`.
    """
    half = {name: value.detach().half().contiguous() for name, value in state.items()}
    half[TOKEN_IDS] = torch.from_numpy(token_ids.astype(np.int32))
    partial = path.with_suffix(".partial")
    save_file(half, partial, metadata={"format": FORMAT, **facts})
    partial.chmod(0o644)
    partial.replace(path)
