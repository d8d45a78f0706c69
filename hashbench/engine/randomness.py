"""Random state as a function of position: (seed, stage, epoch, step).

Nothing random is carried from step to step, so a checkpoint that holds the position holds every
random state, and a resumed run draws what the undisturbed one would have drawn.
"""

from __future__ import annotations

import hashlib
import os

import torch
from torch import Tensor


def derive(*position: object) -> int:
    """A 63-bit seed from a position."""
    digest = hashlib.blake2b(repr(position).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def reseed(*position: object) -> None:
    """Puts torch's global generators, of all devices, at a position."""
    torch.manual_seed(derive(*position))


def generator(*position: object) -> torch.Generator:
    """A generator of its own (CPU) at a position."""
    return torch.Generator().manual_seed(derive(*position))


def shuffled(count: int, *position: object) -> Tensor:
    """A permutation of `count` items."""
    return torch.randperm(count, generator=generator(*position))


def deterministic() -> None:
    """Asks torch for algorithms that give the same bits every time.

    To be called before the first product on a GPU: cuBLAS reads its workspace's size then, and
    torch refuses products of matrices without a size that makes them deterministic.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False
