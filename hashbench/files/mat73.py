"""Reading MATLAB v7.3 files and other HDF5 files, staying inside the file.

MATLAB stores matrices transposed and marks them with the attribute MATLAB_class; datasets without
it (written by h5py, for instance) are read as they are. Links that lead elsewhere, external and
virtual storage, and filters other than DEFLATE, shuffle, checksum and LZF are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import h5py
import numpy as np

from hashbench.errors import DamagedFileError
from hashbench.files.matlab_values import Array, Value, grid, text_rows
from hashbench.files.memory_budget import Budget, elements

T = TypeVar("T")

MAX_DEPTH = 32
MAX_VARIABLES = 10_000
FILTERS = {1, 2, 3, 32000}  # DEFLATE, shuffle, Fletcher32, LZF
DEFLATE_LIMIT = 1032  # no DEFLATE stream expands further; nor does LZF
FREE_FILL = 64 << 20
FREE_CHUNKS = 10_000
SYSTEM = ("#refs#", "#subsystem#")
# What h5py raises on files that are cut or mangled.
_BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, AttributeError)


def contents(path: Path) -> dict[str, str]:
    """Name -> kind (`array`, `cell`, `struct`, `text` or `object`) of the variables."""

    def kinds(file: _File) -> dict[str, str]:
        return {name: file.kind(file.child(file.root, name)) for name in file.names(file.root)}

    return _with_file(path, Budget(path), kinds)


def read(path: Path, budget: Budget, only: Collection[str] | None = None) -> dict[str, Value]:
    """The variables of a file: those in `only`, or else all that are not objects.

    Raises DamagedFileError, also for an object that is asked for.
    """

    def values(file: _File) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name in file.names(file.root):
            if only is not None and name not in only:
                continue
            value = file.value(file.child(file.root, name), depth=0)
            if value is not None:
                values[name] = value
            elif only is not None:
                raise DamagedFileError(
                    "is a MATLAB object or function handle, which is not read",
                    where=f"{path}: {name}",
                    remedy="save it as a matrix, a character matrix or a cell array",
                )
        return values

    return _with_file(path, budget, values)


def _with_file(path: Path, budget: Budget, use: Callable[[_File], T]) -> T:
    try:
        with h5py.File(path, "r") as root:
            return use(_File(root, path, budget))
    except _BROKEN as error:
        raise DamagedFileError(
            f"is not a whole HDF5 (MATLAB v7.3) file ({error})",
            where=path,
            remedy="the file is cut or mangled: copy or download it again",
        ) from None


@dataclass(frozen=True)
class _File:
    root: Any
    path: Path
    budget: Budget

    def fail(self, node: Any, problem: str, remedy: str | None = None) -> NoReturn:
        raise DamagedFileError(problem, where=f"{self.path}: {node.name}", remedy=remedy)

    def names(self, group: Any) -> list[str]:
        if len(group) > MAX_VARIABLES:
            self.fail(group, f"holds {len(group):,} entries")
        return [name for name in group if name not in SYSTEM]

    def child(self, group: Any, name: str) -> Any:
        """An entry of a group, unless it is a link that may lead out of the file."""
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            self.fail(
                group,
                f"{name} is a link to another place",
                "copy what it links to into the file; links are not followed",
            )
        return group[name]

    def kind(self, node: Any) -> str:
        label = self.label(node)
        if isinstance(node, h5py.Group):
            sparse = "MATLAB_sparse" in node.attrs
            return "array" if sparse else "struct" if label in ("", "struct") else "object"
        if label in ("", "logical", "double", "single") or label.lstrip("u").startswith("int"):
            return "array"
        return {"char": "text", "cell": "cell", "struct": "struct"}.get(label, "object")

    def label(self, node: Any) -> str:
        """The MATLAB class of a node; empty where another program wrote it.

        Text of variable length is not read: a mangled heap of it can crash the HDF5 library.
        MATLAB never writes it here; a class written so is inferred from the data.
        """
        if "MATLAB_class" not in node.attrs:
            return ""
        if node.attrs.get_id("MATLAB_class").dtype.kind == "S":
            return bytes(node.attrs["MATLAB_class"]).decode("latin-1")
        if isinstance(node, h5py.Group):
            return "struct"
        if node.dtype == np.uint16:
            self.fail(
                node,
                "has a MATLAB_class of variable length, so text and numbers look alike",
                "write the attribute as bytes",
            )
        return "cell" if h5py.check_ref_dtype(node.dtype) else ""

    def value(self, node: Any, depth: int) -> Value | None:
        """The value of a dataset or group; None for a MATLAB object."""
        if depth > MAX_DEPTH:
            self.fail(node, f"nests more than {MAX_DEPTH} deep")
        self.budget.spend_objects(1, node.name)
        kind = self.kind(node)
        if kind == "object":
            return None
        if isinstance(node, h5py.Group):
            return self.sparse(node) if kind == "array" else self.struct(node, depth)
        return self.dataset(node, kind, depth)

    def dataset(self, node: Any, kind: str, depth: int) -> Value | None:
        matlab = "MATLAB_class" in node.attrs
        if _number(node, "MATLAB_empty"):  # whose data are the dimensions
            empty: dict[str, Value] = {"text": "", "cell": [], "struct": []}
            return empty.get(kind, np.empty((0, 0)))
        string = h5py.check_string_dtype(node.dtype)
        if h5py.check_vlen_dtype(node.dtype) or (string is not None and string.length is None):
            # a mangled heap of variable lengths sends the HDF5 library round in circles
            self.fail(node, "holds values of variable length, which are not read",
                      "save text as MATLAB does, or as strings of one length")  # fmt: skip
        data = self.load(node)
        if h5py.check_ref_dtype(node.dtype) is h5py.Reference:
            return self.referenced(data.T if matlab else data, depth)
        if string is not None:
            return self.strings(node, data)
        if node.dtype.kind not in "biufc":
            self.fail(node, f"holds {node.dtype}, which is not read", "save numbers or text")
        if kind == "text":
            if node.dtype.kind not in "iu":
                self.fail(node, f"holds letters as {node.dtype}")
            codes = data.T.astype("<u2") if matlab else data.astype("<u2")
            rows = codes.reshape(len(codes), -1) if codes.ndim else codes.reshape(1, 1)
            self.budget.spend_objects(len(rows), node.name)
            texts: list[Value] = list(text_rows(rows))
            return texts if len(texts) > 1 else texts[0] if texts else ""
        full = np.ascontiguousarray(data.T) if matlab else data
        return full.astype(bool) if self.label(node) == "logical" else full

    def load(self, node: Any) -> Array:
        """The raw numbers of a dataset, after checking that they lie in this file and fit."""
        if node.is_virtual or node.external:
            self.fail(node, "keeps its data in another file", "copy the data into this file")
        if node.shape is None:
            self.fail(node, "holds nothing")
        plist = node.id.get_create_plist()
        filters = {plist.get_filter(index)[0] for index in range(plist.get_nfilters())}
        if filters - FILTERS:
            self.fail(
                node,
                f"is packed by filters {sorted(filters - FILTERS)}, which are not read",
                "save it with gzip compression or none",
            )
        chunks = [
            -(-size // step) for size, step in zip(node.shape, node.chunks or (), strict=False)
        ]
        if elements(chunks) > max(FREE_CHUNKS, self.path.stat().st_size // 8):
            self.fail(node, f"declares {elements(chunks):,} chunks, more than the file can index")
        size = elements(node.shape) * node.dtype.itemsize
        if size > FREE_FILL and size > DEFLATE_LIMIT * node.id.get_storage_size():
            self.fail(node, f"declares {size:,} bytes but stores {node.id.get_storage_size():,}")
        self.budget.spend(2 * size, node.name)
        return np.asarray(node[()])

    def referenced(self, references: Array, depth: int) -> Value:
        """What a matrix of references leads to: the entries of a cell array."""
        self.budget.spend_objects(references.size, "a cell array")
        entries: list[Value] = []
        for reference in references.ravel(order="F"):
            value = self.value(self.root[reference], depth + 1) if reference else None
            if value is None:
                self.fail(self.root, "has a cell that holds an object, or nothing that can be read")
            entries.append(value)
        return grid(entries, references.shape)

    def strings(self, node: Any, data: Array) -> Value:
        """Strings of one length, which h5py writes from an array of bytes."""
        self.budget.spend_objects(data.size, node.name)
        texts: list[Value] = [
            bytes(entry).decode("utf-8", errors="replace") for entry in data.ravel().tolist()
        ]
        return texts[0] if data.ndim == 0 else texts

    def struct(self, node: Any, depth: int) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        for name in self.names(node):
            value = self.value(self.child(node, name), depth + 1)
            if value is not None:
                fields[name] = value
        return fields

    def sparse(self, node: Any) -> Array:
        """A sparse matrix, made full. The attribute holds its number of rows."""
        rows = _number(node, "MATLAB_sparse")
        starts = self.indices(node, "jc")
        columns = len(starts) - 1
        if starts.ndim != 1 or columns < 0 or rows < 0 or (columns and "ir" not in node):
            columns = -1
        dtype = np.dtype(bool if self.label(node) == "logical" else "f8")
        if columns < 0:
            self.fail(node, "is a sparse matrix without indices")
        self.budget.spend(rows * columns * dtype.itemsize, node.name)
        full = np.zeros((rows, columns), dtype)
        if starts[-1] == 0:
            return full
        row = self.indices(node, "ir")
        numbers = self.load(self.child(node, "data"))
        if numbers.dtype.kind not in "biuf":
            self.fail(node, f"is a sparse matrix of {numbers.dtype}")
        counts = np.diff(starts)
        if (
            not len(row) == len(numbers) == starts[-1]
            or bool(np.any(counts < 0))
            or bool(np.any((row < 0) | (row >= rows)))
        ):
            self.fail(node, "is a sparse matrix with impossible indices")
        full[row, np.repeat(np.arange(columns), counts)] = numbers.astype(dtype)
        return full

    def indices(self, node: Any, name: str) -> Array:
        """Indices of a sparse matrix."""
        array = self.load(self.child(node, name))
        if array.dtype.kind not in "iu":
            self.fail(node, "is a sparse matrix with impossible indices")
        return array.astype(np.int64)


def _number(node: Any, name: str) -> int:
    """A whole number among the attributes of a node; 0 if it has none."""
    if name not in node.attrs or node.attrs.get_id(name).dtype.kind not in "iu":
        return 0
    return int(node.attrs[name])
