"""Encodes new items: `python -m hashbench.engine.encode_items RUN OUTPUT --images DIR`.

One JSON object a line on stdout: `progress` (what, done, total) while it works, `skipped` for a
picture that cannot be read, at the end `written`, or `error` with where, remedy and code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from hashbench.codefiles.encoded_items import EncodedItems, write_encoded
from hashbench.datasets.base import Dataset
from hashbench.datasets.pictures import FilePictures, list_files
from hashbench.datasets.text_files import read_bytes
from hashbench.engine.messages import Send, answer_on_stdout
from hashbench.errors import DamagedFileError, InputError
from hashbench.metrics.codes import Codes
from hashbench.plan import spec as specs
from hashbench.plan.directions import IMAGE, TEXT
from hashbench.runs.layout import RunFolder


def picture_files(path: Path) -> tuple[Path, list[str]]:
    """A folder and the names of the pictures in it, sorted; of a single file, its folder and name.

    Raises InputError where there is none.
    """
    if path.is_file():
        return path.parent, [path.name]
    if not path.is_dir():
        raise InputError("does not exist", where=path, remedy="a folder of pictures, or a picture")
    names = sorted(list_files(path))
    if not names:
        raise InputError("holds no pictures", where=path, remedy="a folder of JPEG or PNG files")
    return path, names


def sentences(path: Path) -> list[str]:
    """The lines of a text file that hold more than blanks. Raises InputError for none."""
    try:
        text = read_bytes(path, "a text file, one caption a line").decode()
    except UnicodeDecodeError as error:
        raise DamagedFileError(
            f"is not UTF-8 (byte {error.start:,})", where=path, remedy="save it as UTF-8"
        ) from None
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    kept = [line for line in lines if line]
    if not kept:
        raise InputError("holds no text", where=path, remedy="one caption a line")
    return kept


def encode(arguments: argparse.Namespace, send: Send) -> None:
    """Encodes and writes; input that cannot be used is refused before anything is loaded."""
    run = RunFolder(arguments.run.resolve())
    spec = specs.read(run.spec)
    found = picture_files(arguments.images) if arguments.images else None
    lines = [] if arguments.images else sentences(arguments.texts)

    def report(what: str, done: int, total: int) -> None:
        send({"progress": what, "done": done, "total": total})

    from hashbench.engine.item_encoder import ItemEncoder

    report("loading the model", 0, 0)
    encoder = ItemEncoder(run, spec, arguments.data_dir, report)
    if found is not None:
        pictures = FilePictures(*found)
        parts = encoded_pictures(encoder, pictures, arguments.on_bad_image == "skip", send)
        items = joined(parts, len(pictures.files), report)
    else:
        items = joined(encoded_texts(encoder, lines), len(lines), report)
    ids, codes = items
    modality = IMAGE if found is not None else TEXT
    write_encoded(arguments.output, EncodedItems(run.id, modality, ids, codes))
    send({"written": str(arguments.output), "items": len(ids), "bits": sorted(codes)})


Part = tuple[int, list[str], dict[int, Codes]]
"""How many items were looked at, the ids of those that were encoded, and their codes."""


def encoded_texts(encoder: Any, lines: Sequence[str]) -> Iterator[Part]:
    """Codes of texts, whose ids are they themselves."""
    from hashbench.engine.item_encoder import AT_ONCE

    for start in range(0, len(lines), AT_ONCE):
        some = list(lines[start : start + AT_ONCE])
        yield len(some), some, encoder.texts(some)


def encoded_pictures(
    encoder: Any, pictures: FilePictures, skip_broken: bool, send: Send
) -> Iterator[Part]:
    """Codes of pictures, whose ids are their names. Raises DamagedFileError for one that cannot be
    read, unless such are skipped.
    """
    from hashbench.backbones.pictures import PictureReader
    from hashbench.engine.item_encoder import AT_ONCE

    names = list(pictures.files)
    count = len(names)
    unlabelled = np.zeros((count, 1), np.bool_)
    items = Dataset("new items", names, unlabelled, [("",)] * count, ("",), pictures, "")
    places = np.arange(count, dtype=np.int64)
    batches = [places[start : start + AT_ONCE] for start in range(0, count, AT_ONCE)]
    reader = PictureReader(encoder.backbone, items, skip_broken=skip_broken)
    with closing(reader):
        for batch, pixels in zip(batches, reader.batches(batches), strict=True):
            broken = [place for place in batch.tolist() if place in reader.broken]
            for place in broken:
                send({"skipped": names[place], "problem": reader.broken[place].problem})
            kept = np.array([place not in reader.broken for place in batch.tolist()])
            if kept.any():
                ids = [names[place] for place in batch[kept].tolist()]
                yield len(batch), ids, encoder.images(pixels[kept])
            else:
                yield len(batch), [], {}


def joined(
    parts: Iterator[Part], total: int, report: Callable[[str, int, int], None]
) -> tuple[list[str], dict[int, Codes]]:
    """All ids and codes. Raises InputError where nothing is left."""
    ids: list[str] = []
    words: dict[int, list[np.ndarray]] = {}
    done = 0
    for looked_at, names, codes in parts:
        ids += names
        for bits, part in codes.items():
            words.setdefault(bits, []).append(part.words)
        done += looked_at
        report("codes", done, total)
    if not ids:
        raise InputError("none of the pictures can be read", where="--images")
    return ids, {bits: Codes(np.concatenate(some), bits) for bits, some in words.items()}


def parser() -> argparse.ArgumentParser:
    """The words of this process."""
    parser = argparse.ArgumentParser(
        prog="python -m hashbench.engine.encode_items", description=__doc__
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("output", type=Path)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--images", type=Path)
    what.add_argument("--texts", type=Path)
    parser.add_argument("--on-bad-image", choices=("stop", "skip"), default="stop")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    return parser


def main() -> int:
    """One call of the process."""
    arguments = parser().parse_args()
    return answer_on_stdout(lambda send: encode(arguments, send))


if __name__ == "__main__":
    sys.exit(main())
