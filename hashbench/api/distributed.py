"""Rows of every process of a torch.distributed group, without a pickle."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def gathered(rows: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """(N, width) bytes of every process, in the order of their ranks; N may differ, even be 0.

    All processes of the group must call it, with rows of one width.
    """
    group = _group()
    if group is None:
        return [rows]
    torch: Any = sys.modules["torch"]
    nccl = group.get_backend() == "nccl"
    device = torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
    shape = torch.tensor(rows.shape, dtype=torch.int64, device=device)
    shapes = [torch.zeros_like(shape) for _ in range(group.get_world_size())]
    group.all_gather(shapes, shape)
    # a process without rows does not know their width
    longest, width = (max(int(one[axis]) for one in shapes) for axis in (0, 1))
    padded = np.zeros((longest, width), np.uint8)
    padded[: len(rows), : rows.shape[1]] = rows
    mine = torch.from_numpy(padded).to(device)
    parts = [torch.zeros_like(mine) for _ in shapes]
    group.all_gather(parts, mine)
    return [part.cpu().numpy()[: int(one[0])] for part, one in zip(parts, shapes, strict=True)]


def _group() -> Any:
    """torch.distributed where a group was initialised; torch itself is never imported for it."""
    module: Any = sys.modules.get("torch.distributed")
    return (
        module if module is not None and module.is_available() and module.is_initialized() else None
    )
