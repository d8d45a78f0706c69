"""What programs hold, numpy arrays, torch tensors, lists, packed codes, as packed codes and labels.

The reading is that of code files (`hashbench.codefiles.convert`): what is ambiguous is refused.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from hashbench.codefiles import convert
from hashbench.codefiles.convert import Binarize, LabelsAs, Zero
from hashbench.codefiles.load import RetrievalTask, load_files
from hashbench.codefiles.read_options import ReadOptions
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks

CodesLike: TypeAlias = Any
"""(N, bits) of -1/+1, 0/1 or booleans, or (N, bytes or words) of packed unsigned integers: a numpy
array, a torch tensor on any device, nested lists, or `hashbench.metrics.codes.Codes`.
"""
LabelsLike: TypeAlias = Any
"""(N, classes) of 0/1 or booleans, or (N,) class numbers: array, tensor, lists or `LabelMasks`."""
Packed: TypeAlias = convert.Packed
GIVEN = "given codes"
"""What messages and tables call codes that are in no file."""
PathLike: TypeAlias = str | os.PathLike[str]

_OPTION = re.compile(
    r"--([a-z][a-z-]*)(?: (plus|minus|little|big|rows|columns|sign|median|index|multi-hot)\b)?"
)


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Errors name arguments as Python writes them: `--zero plus` becomes `zero="plus"`."""
    try:
        yield
    except InputError as error:
        error.problem = _OPTION.sub(_argument, error.problem)
        error.where = error.where and _OPTION.sub(_argument, error.where)
        error.remedy = error.remedy and _OPTION.sub(_argument, error.remedy)
        error.args = (str(error),)
        raise


def _argument(match: re.Match[str]) -> str:
    name = match[1].replace("-", "_")
    return f'{name}="{match[2]}"' if match[2] else name


def to_numpy(values: Any, where: str) -> np.ndarray[Any, Any]:
    """The values as an array in memory; a tensor is detached and copied off its device.

    Raises InputError for what is no array of numbers.
    """
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
        if values.is_floating_point() and values.element_size() < 4:
            values = values.float()  # numpy knows no bfloat16
        values = values.resolve_conj().resolve_neg() if values.is_complex() else values
        return np.asarray(values.numpy())
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"is no array: {error}", where=where) from None


def retrieval_task(
    query: CodesLike,
    database: CodesLike,
    query_labels: LabelsLike,
    database_labels: LabelsLike,
    *,
    binarize: Binarize = "",
    zero: Zero = "refuse",
    packed: Packed = "",
    bits: int | None = None,
    labels_as: LabelsAs = "",
) -> RetrievalTask:
    """Query codes to be ranked against database codes, checked and packed.

    Raises InputError where shapes do not fit each other or values are neither codes nor labels.
    """
    with in_python():
        codes = _codes_as_arrays(query, "query"), _codes_as_arrays(database, "database")
        labels = [
            value.to_bools() if isinstance(value, LabelMasks) else to_numpy(value, name)
            for value, name in (
                (query_labels, "query_labels"),
                (database_labels, "database_labels"),
            )
        ]
        sides = (
            convert.SideArrays(codes[0], labels[0], "query", "query_labels"),
            convert.SideArrays(codes[1], labels[1], "database", "database_labels"),
        )
        pair = convert.oriented(*sides, items="rows", labels_as=labels_as)
        _check_rows(pair, sides)
        first, second, notes = convert.to_codes(
            pair, zero=zero, packed=packed, bits=bits, binarize=binarize
        )
        masks = convert.to_labels(pair, labels_as)
    return RetrievalTask(GIVEN, "given", "", first, second, *masks, tuple(notes))


def _codes_as_arrays(values: CodesLike, where: str) -> np.ndarray[Any, Any]:
    return values.to_bools() if isinstance(values, Codes) else to_numpy(values, where)


def _check_rows(pair: convert.ArrayPair, given: tuple[convert.SideArrays, ...]) -> None:
    """Raises InputError for what fits only with items as columns, as some files have them."""
    for read, side in zip((pair.query, pair.database), given, strict=True):
        for before, after, at in (
            (side.codes, read.codes, side.codes_at),
            (side.labels, read.labels, side.labels_at),
        ):
            if before.ndim == after.ndim == 2 and before.shape != after.shape:
                raise InputError(
                    f"has shape {before.shape}, which fits only with items as columns",
                    where=at,
                    remedy="give one row for each item: transpose it",
                )


def load_codes(
    path: PathLike, database: PathLike | None = None, **options: Any
) -> list[RetrievalTask]:
    """The codes of a file, of a `codes/` folder or a run's: one task for each direction and length.

    `path` is a .mat or .npz file in any layout of the field, or the .npy file of the queries beside
    that of the `database`. A task holds `query`, `database`, `query_labels`, `database_labels`,
    `direction` and `notes`; `evaluate` takes these four as they are. `options` are the fields of
    `hashbench.codefiles.read_options.ReadOptions`, such as `labels="labels.mat"`,
    `binarize="sign"` and `directions=("i2t",)`. Raises InputError, naming the option that settles
    it, for what cannot be read in one way only.

    >>> import hashbench, numpy, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = folder.name + "/codes.npz"
    >>> numpy.savez(file, qB=[[1, -1]], rB=[[1, 1], [1, -1]], qL=[[1, 0]], rL=[[0, 1], [1, 0]])
    >>> (codes,) = hashbench.load_codes(file)
    >>> codes.query.bits, len(codes.database)
    (2, 2)
    >>> folder.cleanup()
    """
    paths = [Path(path), *([] if database is None else [Path(database)])]
    with in_python():
        try:
            chosen = ReadOptions(**options)
        except TypeError:
            from hashbench.errors import UnknownNameError

            known = ReadOptions.__dataclass_fields__
            name = next(iter(options.keys() - known.keys()))
            raise UnknownNameError("option", name, known, where="load_codes") from None
        return load_files(paths, chosen)
