"""Codes in the forms that other programs read: `hashbench export RUN --to FORM`.

Arrays are named as `hashbench.codefiles.native` names its own: `query_image`, `database_text`,
`query_labels`, and so on. What the codes are, and what is to be known before they are compared with
others, goes with them as `about`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hashbench.codefiles.layouts import layout_named
from hashbench.codefiles.mat_export import named_variables, write_mat
from hashbench.codefiles.native import SIDES, CodeSet
from hashbench.errors import InputError, UnknownNameError
from hashbench.files.atomic import write_atomically, write_bytes_atomically
from hashbench.files.extras import extra_module
from hashbench.metrics.codes import Codes, LabelMasks

About = Mapping[str, str]
"""What the codes are: run, method, protocol, split."""

ABOUT = "about.json"
LARGEST_ID = (1 << 63) - 1


@dataclass(frozen=True)
class CodeForm:
    """`write` fills one file, or a folder where `suffix` is empty, with one bit length."""

    name: str
    summary: str
    suffix: str
    write: Callable[[Path, CodeSet, About], None]


def form_named(name: str) -> CodeForm:
    """The form of that name. Raises UnknownNameError."""
    if name not in FORMS:
        raise UnknownNameError("form", name, FORMS, where="--to")
    return FORMS[name]


def _arrays(codes: CodeSet) -> dict[str, np.ndarray]:
    """Codes (n, K) int8 as -1 and +1, labels (n, C) uint8 as 0 and 1."""
    arrays: dict[str, np.ndarray] = {}
    for side in SIDES:
        parts: Mapping[str, Codes] = getattr(codes, side)
        labels: LabelMasks = getattr(codes, f"{side}_labels")
        for modality, part in parts.items():
            arrays[f"{side}_{modality}"] = np.where(part.to_bools(), np.int8(1), np.int8(-1))
        arrays[f"{side}_labels"] = labels.to_bools().astype(np.uint8)
    return arrays


def _texts(codes: CodeSet) -> dict[str, Sequence[str]]:
    """The ids of both sides and the names of the classes, as far as there are any."""
    every = {
        "query_ids": codes.query_ids,
        "database_ids": codes.database_ids,
        "class_names": codes.class_names,
    }
    return {name: texts for name, texts in every.items() if len(texts)}


def _write_mat(path: Path, codes: CodeSet, about: About) -> None:
    cells = {name: np.array(texts, dtype=object) for name, texts in _texts(codes).items()}
    write_mat(path, {**_arrays(codes), **cells, "about": json.dumps(dict(about))})


def _write_layout(layout: str) -> Callable[[Path, CodeSet, About], None]:
    """Writes the variables of a paper's layout and nothing else."""
    return lambda path, codes, _: write_mat(path, named_variables(codes, layout_named(layout)))


def _write_hdf5(path: Path, codes: CodeSet, about: About) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in _arrays(codes).items():
            file.create_dataset(name, data=array, compression="gzip", shuffle=True)
        for name, texts in _texts(codes).items():
            file.create_dataset(name, data=list(texts), dtype=h5py.string_dtype())
        file.attrs.update(about)
    write_bytes_atomically(path, buffer.getvalue())


def _write_npy(folder: Path, codes: CodeSet, about: About) -> None:
    _begin(folder)
    texts = {name: np.array(texts, dtype=np.str_) for name, texts in _texts(codes).items()}
    for name, array in {**_arrays(codes), **texts}.items():
        _save_array(folder / f"{name}.npy", array)
    _write_about(folder, about)


def _write_faiss(folder: Path, codes: CodeSet, about: About) -> None:
    """For each modality an IndexBinaryIDMap over a flat index of the database, and the packed
    query codes as such an index is searched with.

    An id is the item's own where all are whole numbers, else its place in the database;
    `database_ids.txt` lists the items' ids in the order of the database. A length that is no
    multiple of 8 is filled up with zeros on both sides, which changes no distance.
    """
    faiss = extra_module("faiss", "faiss", "--to faiss")
    _begin(folder)
    ids, which = _numeric_ids(codes.database_ids, len(codes.database_labels))
    for modality, part in codes.database.items():
        packed = packed_bytes(part)
        index = faiss.IndexBinaryIDMap(faiss.IndexBinaryFlat(8 * packed.shape[1]))
        index.add_with_ids(packed, ids)
        content = faiss.serialize_index_binary(index).tobytes()
        write_bytes_atomically(folder / f"database_{modality}.faiss", content)
        _save_array(folder / f"query_{modality}.npy", packed_bytes(codes.query[modality]))
    for name, texts in _texts(codes).items():
        write_bytes_atomically(folder / f"{name}.txt", "".join(f"{t}\n" for t in texts).encode())
    _write_about(folder, {**about, "ids of the index": which})


def packed_bytes(codes: Codes) -> np.ndarray:
    """(n, ceil(K / 8)) uint8, bit 0 of a code in the lowest bit of its first byte."""
    return np.packbits(codes.to_bools(), axis=1, bitorder="little")


def _numeric_ids(ids: Sequence[str], count: int) -> tuple[np.ndarray, str]:
    """(n,) int64 ids for an index, and what they are."""
    numeric = len(ids) > 0 and all(one.isascii() and one.isdigit() for one in ids)
    numbers = [int(one) for one in ids] if numeric else []
    if numbers and max(numbers) <= LARGEST_ID and len(set(numbers)) == count:
        return np.array(numbers, np.int64), "the items' ids"
    return np.arange(count, dtype=np.int64), "places in the database, from 0"


def _save_array(path: Path, array: np.ndarray) -> None:
    write_atomically(path, lambda stream: np.save(stream, array, allow_pickle=False))


def _begin(folder: Path) -> None:
    """`about.json` is written last: where it is, all is of one export."""
    (folder / ABOUT).unlink(missing_ok=True)


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    content = json.dumps(dict(about), indent=1) + "\n"
    write_bytes_atomically(folder / ABOUT, content.encode())


def check_available(form: CodeForm) -> None:
    """Raises InputError where the library of a form is not installed."""
    if form.name == "faiss":
        extra_module("faiss", "faiss", "--to faiss")


def check_one_file(form: CodeForm, path: Path, lengths: Sequence[int]) -> None:
    """Raises InputError for a file name where a folder is needed."""
    if len(lengths) > 1:
        raise InputError(
            f"is one file, but there are codes of {', '.join(map(str, lengths))} bits",
            where=path,
            remedy=f"--bits {lengths[0]}, or a folder: a file {lengths[0]}{form.suffix} each",
        )


FORMS: dict[str, CodeForm] = {
    form.name: form
    for form in (
        CodeForm(
            "faiss", "binary indexes with ids (IndexBinaryIDMap), packed queries", "", _write_faiss
        ),
        CodeForm("mat", "MATLAB, every modality, ids and classes", ".mat", _write_mat),
        CodeForm("npy", "a folder of plain numpy arrays", "", _write_npy),
        CodeForm("hdf5", "HDF5, every modality, ids and classes", ".h5", _write_hdf5),
        CodeForm(
            "pghmh", "fused codes as PGHMH released its own", ".mat", _write_layout("val-retrieval")
        ),
        CodeForm("dcmht", "image and text codes as DCMHT names them", ".mat", _write_layout("q-r")),
    )
}
