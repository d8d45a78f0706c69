"""A person's own table of pictures: CSV, TSV or JSON lines of file name, captions and labels."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hashbench.datasets.pictures import safe_name
from hashbench.datasets.text_files import read_bytes
from hashbench.errors import DamagedFileError, InputError

FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
CAPTION_COLUMN = re.compile(r"(caption|captions|text|tags)[ _]?\d*")
LABEL_COLUMNS = ("labels", "label", "classes", "class")
SEPARATORS = re.compile(r"[;|,]")

_REMEDY = (
    "the columns are file, caption (also caption1, caption2, ...) and labels, the latter separated"
    " by ; or | or commas; or one json object a line with file, captions and labels"
)


@dataclass
class Row:
    """One picture. Several rows of a table that name the same file are one."""

    captions: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def add(self, captions: Iterable[str], labels: Iterable[str]) -> None:
        """Adds what is new and not empty; runs of blanks become one."""
        for own, new in ((self.captions, captions), (self.labels, labels)):
            plain = (" ".join(text.split()) for text in new)
            own.extend(text for text in plain if text and text not in own)


def read_table(path: Path) -> dict[str, Row]:
    """File name, relative to the image folder -> its captions and labels, in the table's order.

    Raises InputError for a missing table or a file name that leaves the image folder,
    DamagedFileError for a table that cannot be read, naming the line.
    """
    parse = _FORMS.get(path.suffix.lower())
    if parse is None:
        raise InputError(
            "is not a table by its name", where=path, remedy=f"tables end in {', '.join(_FORMS)}"
        )
    content = read_bytes(path, _REMEDY).decode("utf-8", errors="replace").removeprefix("\ufeff")
    records = parse(content, path)
    rows: dict[str, Row] = {}
    for line, name, captions, labels in records:
        safe = safe_name(name, where=f"{path}: line {line}")
        rows.setdefault(safe, Row()).add(captions, labels)
    if not rows:
        raise DamagedFileError("has no rows", where=path, remedy=_REMEDY)
    return rows


Record = tuple[int, str, list[str], list[str]]


def _csv_records(content: str, path: Path) -> Iterator[Record]:
    first = content.partition("\n")[0]
    delimiter = "\t" if "\t" in first else ";" if "," not in first else ","
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        file_column = _column(header, FILE_COLUMNS, path)
        label_column = _column(header, LABEL_COLUMNS, path)
        captions = [i for i, name in enumerate(header) if CAPTION_COLUMN.fullmatch(name)]
        if not captions:
            raise _no_column("caption", header, path)
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise DamagedFileError(
                    f"has {len(cells)} cells where the header has {len(header)}",
                    where=f"{path}: line {reader.line_num}",
                    remedy='put cells that hold the separator into "quotes"',
                )
            labels = SEPARATORS.split(cells[label_column])
            yield reader.line_num, cells[file_column], [cells[i] for i in captions], labels
    except csv.Error as error:
        raise DamagedFileError(
            f"is not a table: {error}", where=f"{path}: line {reader.line_num}", remedy=_REMEDY
        ) from None


def _column(header: list[str], known: tuple[str, ...], path: Path) -> int:
    columns = [i for i, name in enumerate(header) if name in known]
    if not columns:
        raise _no_column(known[0], header, path)
    if len(columns) > 1:
        raise DamagedFileError(
            f"has several columns for {known[0]}", where=f"{path}: line 1", remedy=_REMEDY
        )
    return columns[0]


def _no_column(wanted: str, header: list[str], path: Path) -> DamagedFileError:
    names = ", ".join(header)[:200] or "nothing"
    return DamagedFileError(
        f"has no column {wanted}, only {names}", where=f"{path}: line 1", remedy=_REMEDY
    )


def _json_records(content: str, path: Path) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(dict[str, object])
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}: line {number}"
        try:
            entry = {key.lower(): value for key, value in decoder.decode(line).items()}
        except (msgspec.DecodeError, RecursionError) as error:
            raise DamagedFileError(
                f"is not a json object: {error}", where=where, remedy=_REMEDY
            ) from None
        name = next((entry[key] for key in FILE_COLUMNS if key in entry), None)
        if not isinstance(name, str):
            raise DamagedFileError("has no file name", where=where, remedy=_REMEDY)
        captions = [
            text
            for key, value in entry.items()
            if CAPTION_COLUMN.fullmatch(key)
            for text in _texts(value, f"{where}: {key}")
        ]
        yield number, name, captions, _json_labels(entry, where)


def _json_labels(entry: Mapping[str, object], where: str) -> list[str]:
    key = next((key for key in LABEL_COLUMNS if key in entry), None)
    if key is None:
        raise DamagedFileError("has no labels", where=where, remedy=_REMEDY)
    value = entry[key]
    if isinstance(value, str):
        return SEPARATORS.split(value)
    return _texts(value, f"{where}: {key}")


def _texts(value: object, where: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DamagedFileError("is no text and no list of texts", where=where, remedy=_REMEDY)
    return texts


_FORMS = {
    ".csv": _csv_records,
    ".tsv": _csv_records,
    ".jsonl": _json_records,
    ".ndjson": _json_records,
}
