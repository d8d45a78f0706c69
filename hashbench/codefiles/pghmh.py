"""Fused codes in the layout in which PGHMH released its own: one .mat file for each bit length.

Keys: `val_B` (Q, K) and `retrieval_B` (D, K) codes of queries and database as -1 and +1, `L_te`
(Q, C) and `L_db` (D, C) their labels as 0 and 1; all float32.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import scipy.io

from hashbench.codefiles.native import CodeSet
from hashbench.files.atomic import write_bytes_atomically
from hashbench.metrics.codes import Codes
from hashbench.plan.directions import FUSED

HEADER = b"MATLAB 5.0 MAT-file, written by hashbench"
TEXT_BYTES = 116


def write_released(folder: Path, codes: CodeSet) -> Path:
    """Writes `folder/<bits>.mat` atomically and returns its path. Needs fused (mm) codes."""
    content = {
        "val_B": _signs(codes.query[FUSED]),
        "retrieval_B": _signs(codes.database[FUSED]),
        "L_te": codes.query_labels.to_bools().astype(np.float32),
        "L_db": codes.database_labels.to_bools().astype(np.float32),
    }
    path = folder / f"{codes.bits}.mat"
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, content, do_compression=True)  # type: ignore[arg-type]
    # the header's text holds the time; without it the same codes are the same bytes
    write_bytes_atomically(path, HEADER.ljust(TEXT_BYTES) + buffer.getvalue()[TEXT_BYTES:])
    return path


def _signs(codes: Codes) -> np.ndarray:
    return np.where(codes.to_bools(), np.float32(1), np.float32(-1))
