"""The options for reading a code file, and the variables that the file has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hashbench.codefiles import convert
from hashbench.errors import InputError, UnknownNameError
from hashbench.files import array_files
from hashbench.files.matlab_values import Array, Value


@dataclass(frozen=True)
class ReadOptions:
    """What a file itself does not say, from the command line.

    Keys lead to a variable, `struct.field` into a struct. `labels` is `FILE` or
    `FILE:QUERY_KEY,DATABASE_KEY`; `query`, `database` and the labels of each are a key of the code
    file, `FILE:KEY`, or a file that holds one array. Without `directions`, those that are usual are
    read, or, with `every_direction`, all that the file has codes for.
    """

    layout: str = ""
    query: str = ""
    database: str = ""
    labels: str = ""
    query_labels: str = ""
    database_labels: str = ""
    directions: tuple[str, ...] = ()
    every_direction: bool = False
    bits: int | None = None
    zero: convert.Zero = "refuse"
    packed: convert.Packed = ""
    items: convert.Items = ""
    labels_as: convert.LabelsAs = ""
    binarize: convert.Binarize = ""


class VariableStore:
    """The variables of a file by key; structs are opened when their fields are looked for."""

    def __init__(self, path: Path, kinds: Mapping[str, str]) -> None:
        self.path = path
        self.kinds = kinds
        self._values: dict[str, Value] = {}

    def structs(self) -> list[str]:
        """Each struct as the beginning of a key."""
        return [f"{name}." for name, kind in self.kinds.items() if kind == "struct"]

    def names(self, prefix: str) -> list[str]:
        if not prefix:
            return list(self.kinds)
        fields = self._variable(prefix.removesuffix("."))
        return list(fields) if isinstance(fields, dict) else []

    def value(self, key: str) -> Value:
        """The value at a key; UnknownNameError where there is none."""
        name, *fields = [key] if key in self.kinds else key.split(".")
        value = self._variable(name)
        for field in fields:
            if not isinstance(value, dict) or field not in value:
                known = list(value) if isinstance(value, dict) else []
                raise UnknownNameError("field", field, known, where=f"{self.path}: {key}")
            value = value[field]
        return value

    def array(self, key: str) -> Array:
        """The array at a key. Raises InputError where there is something else."""
        value = self.value(key)
        if not isinstance(value, np.ndarray):
            what = {str: "text", list: "a cell array or text", dict: "a struct"}[type(value)]
            raise InputError(f"is {what}, not a matrix", where=f"{self.path}: {key}")
        return value

    def _variable(self, name: str) -> Value:
        if name not in self._values:
            if name not in self.kinds:
                raise UnknownNameError("variable", name, self.kinds, where=self.path)
            self._values |= array_files.read(self.path, [name])
        return self._values[name]
