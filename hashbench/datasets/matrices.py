"""Label matrices and feature matrices out of files that other people wrote."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hashbench.datasets.base import BoolArray, FloatArray
from hashbench.errors import DamagedFileError

MAX_CLASSES = 10_000
LARGEST = 2**53
"""Class numbers up to here are whole in every type they come in."""


def label_matrix(value: object, *, where: object) -> BoolArray:
    """(N, C) labels from an (N, C) matrix of zeros and ones, or from N class numbers.

    Class numbers, whole and in one row or column, become one column for each number from the least
    to the greatest. Raises DamagedFileError.
    """
    matrix = _numbers(value, where)
    if matrix.ndim == 1 or (matrix.ndim == 2 and 1 in matrix.shape and _has_numbers(matrix)):
        return _one_hot(matrix.ravel(), where)
    if matrix.ndim != 2:
        raise DamagedFileError(f"has {matrix.ndim} axes, not items by classes", where=where)
    if not np.isin(matrix, (0, 1)).all():
        strange = matrix[~np.isin(matrix, (0, 1))][0]
        raise DamagedFileError(
            f"holds {strange}, which is neither 0 nor 1",
            where=where,
            remedy="give the full labels; unknown ones are drawn by --known-ratio",
        )
    return matrix.astype(np.bool_)


def _has_numbers(matrix: npt.NDArray[Any]) -> bool:
    return bool(matrix.size) and bool(matrix.max() > 1)


def _one_hot(numbers: npt.NDArray[Any], where: object) -> BoolArray:
    if not len(numbers):
        raise DamagedFileError("is empty", where=where)
    if not np.array_equal(numbers, np.round(numbers)):
        raise DamagedFileError("holds class numbers that are not whole", where=where)
    low, high = int(numbers.min()), int(numbers.max())
    if high - low >= MAX_CLASSES or max(abs(low), abs(high)) > LARGEST:
        raise DamagedFileError(
            f"holds class numbers from {numbers.min()} to {numbers.max()}", where=where
        )
    return np.equal(numbers[:, None].astype(np.int64), np.arange(low, high + 1))


def feature_matrix(value: object, *, where: object) -> FloatArray:
    """(N, d) finite float32 features. Raises DamagedFileError."""
    matrix = _numbers(value, where)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise DamagedFileError(
            f"has the shape {matrix.shape}, not items by features",
            where=where,
            remedy="save one row of features an item",
        )
    with np.errstate(over="ignore"):
        single = matrix.astype(np.float32)
    if not np.isfinite(single).all():
        raise DamagedFileError(
            f"holds values beyond {np.finfo(np.float32).max:.2g}, the largest in single precision",
            where=where,
            remedy="scale the features, or look where such a value comes from",
        )
    return single


def _numbers(value: object, where: object) -> npt.NDArray[Any]:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise DamagedFileError("holds no matrix of numbers", where=where)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise DamagedFileError("holds values that are not finite", where=where)
    return value
