"""Codes as MATLAB v5 files, under the names of a layout (`hashbench.codefiles.layouts`)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from hashbench.codefiles.layouts import Layout, layout_named
from hashbench.codefiles.native import CodeSet
from hashbench.errors import InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.metrics.codes import Codes

HEADER = b"MATLAB 5.0 MAT-file, written by hashbench"
TEXT_BYTES = 116
MOST_BYTES = (1 << 31) - 1  # of a variable of a v5 file


def write_released(folder: Path, codes: CodeSet) -> Path:
    """Writes `folder/<bits>.mat` atomically as PGHMH released its own codes: `val_B` (Q, K) and
    `retrieval_B` (D, K) as -1 and +1, `L_te` (Q, C) and `L_db` (D, C) as 0 and 1; all float32.

    Returns the path. Needs fused (mm) codes.
    """
    path = folder / f"{codes.bits}.mat"
    write_mat(path, named_variables(codes, layout_named("val-retrieval")))
    return path


def named_variables(codes: CodeSet, layout: Layout) -> dict[str, np.ndarray]:
    """Codes (n, K) as -1 and +1 and labels (n, C) as 0 and 1, all float32 as the field's programs
    write them, under the names of a layout. Raises InputError where it has none for a modality.
    """
    missing = set(codes.query) - set(layout.query)
    if missing:
        raise InputError(
            f"the layout {layout.name} has no place for {' and '.join(sorted(missing))} codes; it "
            f"holds {', '.join(layout.query)}",
            where="--to",
            remedy="--to mat, npy, hdf5 or faiss takes codes of every modality",
        )
    return {
        **{layout.query[modality]: signs(part) for modality, part in codes.query.items()},
        **{layout.database[modality]: signs(part) for modality, part in codes.database.items()},
        layout.query_labels[0]: codes.query_labels.to_bools().astype(np.float32),
        layout.database_labels[0]: codes.database_labels.to_bools().astype(np.float32),
    }


def write_mat(path: Path, variables: Mapping[str, Any]) -> None:
    """A .mat file, atomically; the same variables, the same bytes.

    Raises InputError for what a v5 file cannot hold.
    """
    for name, value in variables.items():
        if getattr(value, "nbytes", 0) > MOST_BYTES:
            raise InputError(
                f"{name} is larger than the 2 GB that a MATLAB v5 file holds",
                where=path,
                remedy="--to hdf5 or --to npy",
            )
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, dict(variables), do_compression=True)  # type: ignore[arg-type]
    # the header's text holds the time; without it the same codes are the same bytes
    write_bytes_atomically(path, HEADER.ljust(TEXT_BYTES) + buffer.getvalue()[TEXT_BYTES:])


def signs(codes: Codes) -> np.ndarray:
    """(n, K) float32, -1 and +1."""
    return np.where(codes.to_bools(), np.float32(1), np.float32(-1))
