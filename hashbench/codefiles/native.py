"""hashbench's own code files: `codes/<bits>.npz` in a run folder, one file for each bit length.

Arrays of one file (all uint64 words are as in `hashbench.metrics.codes`: bit j of a row is bit
j % 64 of word j // 64):

    format           (1,) int64, 1
    bits, classes    (1,) int64
    query_<m>        (Q, ceil(bits / 64)) uint64, for each modality m: image and text, or mm
    database_<m>     (D, ceil(bits / 64)) uint64
    query_labels     (Q, ceil(classes / 64)) uint64, bit c set for class c
    database_labels  (D, ceil(classes / 64)) uint64
    query_ids, database_ids, class_names    strings: (Q,), (D,), (classes,)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hashbench.errors import DamagedFileError, InputError
from hashbench.files import array_files
from hashbench.files.atomic import write_atomically
from hashbench.files.matlab_values import Value
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan.directions import DIRECTIONS, MODALITIES

FORMAT = 1
SIDES = ("query", "database")


@dataclass(frozen=True)
class CodeSet:
    """All codes of one bit length: `query` and `database` map a modality to the codes of its items.

    Modalities are `image` and `text` (either or both), or `mm` for fused codes. Item i of every
    modality of a side is the same item: labels, and ids where given, belong to it.
    Raises InputError where lengths, bits or classes do not agree.
    """

    bits: int
    query: Mapping[str, Codes]
    database: Mapping[str, Codes]
    query_labels: LabelMasks
    database_labels: LabelMasks
    query_ids: Sequence[str] = ()
    database_ids: Sequence[str] = ()
    class_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.query or set(self.query) != set(self.database):
            raise InputError(
                f"query modalities {sorted(self.query)} and database modalities "
                f"{sorted(self.database)} must be the same, and at least one"
            )
        for side in SIDES:
            labels: LabelMasks = getattr(self, f"{side}_labels")
            ids: Sequence[str] = getattr(self, f"{side}_ids")
            codes: Mapping[str, Codes] = getattr(self, side)
            if len(ids) not in (0, len(labels)):
                raise InputError(f"{len(ids)} {side} ids for {len(labels)} rows of labels")
            for modality, part in codes.items():
                if modality not in MODALITIES:
                    raise InputError(f"{modality!r} is no modality; valid: {', '.join(MODALITIES)}")
                if part.bits != self.bits or len(part) != len(labels):
                    raise InputError(
                        f"{side} {modality} codes: {len(part)} of {part.bits} bits, where "
                        f"{len(labels)} of {self.bits} bits are expected"
                    )
        if self.query_labels.classes != self.database_labels.classes:
            raise InputError("query and database labels differ in the number of classes")
        if len(self.class_names) not in (0, self.query_labels.classes):
            raise InputError(
                f"{len(self.class_names)} class names for {self.query_labels.classes} classes"
            )

    def sides(self, direction_name: str) -> tuple[Codes, Codes]:
        """Query and database codes of a direction that `directions_of` its modalities lists."""
        one = DIRECTIONS[direction_name]
        return self.query[one.query], self.database[one.database]


def write_codes(folder: Path, codes: CodeSet) -> Path:
    """Write `folder/<bits>.npz` atomically and return its path. The same codes, the same bytes."""
    parts: dict[str, np.ndarray] = {
        "format": np.array([FORMAT]),
        "bits": np.array([codes.bits]),
        "classes": np.array([codes.query_labels.classes]),
        "query_labels": codes.query_labels.words,
        "database_labels": codes.database_labels.words,
        "query_ids": np.array(codes.query_ids, dtype=np.str_),
        "database_ids": np.array(codes.database_ids, dtype=np.str_),
        "class_names": np.array(codes.class_names, dtype=np.str_),
    }
    for modality in MODALITIES:
        if modality in codes.query:
            parts[f"query_{modality}"] = codes.query[modality].words
            parts[f"database_{modality}"] = codes.database[modality].words
    path = folder / f"{codes.bits}.npz"
    write_atomically(path, lambda stream: np.savez_compressed(stream, **parts))  # type: ignore[arg-type]
    return path


def read_codes(folder: Path) -> list[CodeSet]:
    """Every bit length in a `codes/` folder, shortest first.

    Raises InputError where there is none, DamagedFileError for a file that cannot be read.
    """
    paths = [path for path in folder.glob("*.npz") if re.fullmatch(r"[1-9]\d{0,4}", path.stem)]
    if not paths:
        raise InputError(
            "has no code files (<bits>.npz)",
            where=folder,
            remedy="give the codes/ folder of a finished run, or a .mat or .npz file",
        )
    return [read_code_file(path) for path in sorted(paths, key=lambda path: int(path.stem))]


def is_own(names: Sequence[str]) -> bool:
    """Whether the arrays of a file are those of our own format."""
    return {"format", "bits", "classes", "query_labels", "database_labels"} <= set(names)


def read_code_file(path: Path) -> CodeSet:
    """One `<bits>.npz`. Raises DamagedFileError for anything that `write_codes` did not write."""
    content = array_files.read(path)
    if not is_own(list(content)):
        raise DamagedFileError("is not a code file of hashbench", where=path)
    number = _numbers(content, path)
    if number["format"] != FORMAT:
        raise DamagedFileError(
            f"is of format {number['format']}; this version reads format {FORMAT}",
            where=path,
            remedy="read it with the version of hashbench that wrote it",
        )
    bits = number["bits"]
    modalities = [name for name in MODALITIES if f"query_{name}" in content]
    try:
        return CodeSet(
            bits=bits,
            query={
                m: Codes(_words(content, f"query_{m}", path), number["bits"]) for m in modalities
            },
            database={
                m: Codes(_words(content, f"database_{m}", path), number["bits"]) for m in modalities
            },
            query_labels=LabelMasks(_words(content, "query_labels", path), number["classes"]),
            database_labels=LabelMasks(_words(content, "database_labels", path), number["classes"]),
            query_ids=_strings(content, "query_ids", path),
            database_ids=_strings(content, "database_ids", path),
            class_names=_strings(content, "class_names", path),
        )
    except DamagedFileError:
        raise
    except InputError as error:
        raise DamagedFileError(error.problem, where=path) from None


def _numbers(content: Mapping[str, Value], path: Path) -> dict[str, int]:
    numbers = {}
    for key in ("format", "bits", "classes"):
        value = content[key]
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or value.size != 1:
            raise DamagedFileError("is not one whole number", where=f"{path}: {key}")
        numbers[key] = int(value.item())
    return numbers


def _words(content: Mapping[str, Value], key: str, path: Path) -> np.ndarray:
    value = content.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind != "u" or value.ndim != 2:
        raise DamagedFileError("is missing, or holds no 64-bit words", where=f"{path}: {key}")
    return value


def _strings(content: Mapping[str, Value], key: str, path: Path) -> tuple[str, ...]:
    value = content.get(key)
    if isinstance(value, np.ndarray) and value.size == 0:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise DamagedFileError("is missing, or holds no strings", where=f"{path}: {key}")
    return tuple(entry for entry in value if isinstance(entry, str))
