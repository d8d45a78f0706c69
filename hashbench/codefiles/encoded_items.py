"""Codes of new items, as `hashbench encode` writes and `hashbench search --codes` reads them.

Arrays of the .npz: `encoded` (1,) int64, the format, 1; `ids` (n,) strings; `modality` and `run`,
one string each; for each length K `codes_<K>` (n, ceil(K / 64)) uint64 words, bit j of a row at bit
j % 64 of word j // 64: numpy.unpackbits(words.view("u1"), axis=1, count=K, bitorder="little").
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
from hashbench.metrics.codes import Codes

FORMAT = 1


@dataclass(frozen=True)
class EncodedItems:
    """n items of one modality: `codes` maps a bit length to their codes; `run` encoded them."""

    run: str
    modality: str
    ids: Sequence[str]
    codes: Mapping[int, Codes]


def write_encoded(path: Path, items: EncodedItems) -> None:
    """Writes the file atomically."""
    arrays = {
        "encoded": np.array([FORMAT]),
        "ids": np.array(items.ids, dtype=np.str_),
        "modality": np.array([items.modality]),
        "run": np.array([items.run]),
        **{f"codes_{bits}": codes.words for bits, codes in items.codes.items()},
    }
    write_atomically(path, lambda stream: np.savez_compressed(stream, **arrays))  # type: ignore[arg-type]


def read_encoded(path: Path) -> EncodedItems:
    """Reads the file. Raises DamagedFileError for anything that `write_encoded` did not write."""
    content = array_files.read(path)
    if "encoded" not in content:
        raise DamagedFileError(
            "holds no codes of new items", where=path, remedy="a file that `hashbench encode` wrote"
        )
    lengths = sorted(int(name[6:]) for name in content if re.fullmatch(r"codes_[1-9]\d{0,3}", name))
    ids = _strings(content, "ids", path)
    (modality,), (run,) = (_strings(content, name, path, 1) for name in ("modality", "run"))
    try:
        codes = {bits: Codes(_words(content, f"codes_{bits}", path), bits) for bits in lengths}
    except DamagedFileError:
        raise
    except InputError as error:
        raise DamagedFileError(error.problem, where=path) from None
    if not codes or any(len(part) != len(ids) for part in codes.values()):
        raise DamagedFileError(f"does not hold codes of its {len(ids)} items", where=path)
    return EncodedItems(run, modality, ids, codes)


def _strings(
    content: Mapping[str, Value], key: str, path: Path, count: int | None = None
) -> list[str]:
    value = content.get(key)
    texts = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(texts) != len(value) or count not in (None, len(texts)):
        raise DamagedFileError("is missing, or holds no such strings", where=f"{path}: {key}")
    return texts


def _words(content: Mapping[str, Value], key: str, path: Path) -> np.ndarray:
    value = content.get(key)
    if not isinstance(value, np.ndarray) or value.dtype != np.uint64 or value.ndim != 2:
        raise DamagedFileError("holds no 64-bit words", where=f"{path}: {key}")
    return value
