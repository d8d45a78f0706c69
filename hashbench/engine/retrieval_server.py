"""Answers questions about a run's codes: `python -m hashbench.engine.retrieval_server RUN`.

One question a line on stdin, one answer a line on stdout, both JSON objects; the first line out
describes what can be asked. Codes and captions need no torch; it is loaded with the first query
that has to be encoded.
"""

from __future__ import annotations

import argparse
import base64
import functools
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hashbench.codefiles.encoded_items import read_encoded
from hashbench.codefiles.native import CodeSet, read_codes
from hashbench.datasets.pictures import read_picture
from hashbench.engine.code_questions import average_precision, bit_text, confusion
from hashbench.errors import HashbenchError, InputError
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.plan.directions import directions_of, find_direction
from hashbench.runs import plugin_folders
from hashbench.runs import result as results
from hashbench.runs.layout import RunFolder

if TYPE_CHECKING:
    from PIL.Image import Image

    from hashbench.datasets.base import Dataset
    from hashbench.engine.item_encoder import ItemEncoder

MOST = 1000  # items or results in one answer
MOST_PIXELS = 1024  # of a side of a thumbnail

_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)

Words = NDArray[np.uint64]


def distances(query: Words, database: Words) -> NDArray[np.int64]:
    """(D,) Hamming distances of one code (W,) to codes (D, W), all packed."""
    differing = np.ascontiguousarray(database ^ query).view(np.uint8)
    return np.asarray(_BITS[differing].sum(axis=1, dtype=np.int64))


def nearest(distance: NDArray[np.int64], top: int) -> NDArray[np.int64]:
    """The places of the `top` smallest distances, nearest first, ties in database order."""
    return np.argsort(distance, kind="stable")[:top]


class Library:
    """The codes of one finished run, with the captions and pictures of its items.

    Where the dataset is missing, an item has no more than its id and labels, and `note` says why
    and, where the run was trained from another data folder, how to open that one.
    """

    def __init__(self, run: RunFolder, data_dir: Path) -> None:
        self._run = run
        self._data_dir = data_dir
        self._spec = specs.read(run.spec)
        plugin_folders.use(run)
        self._codes: dict[int, CodeSet] = {codes.bits: codes for codes in read_codes(run.codes)}
        self._precision: dict[tuple[int, str], NDArray[np.float64]] = {}
        self._dataset: Dataset | None = None
        self._place: dict[str, int] = {}
        self.note = ""
        try:
            wanted = self._spec.dataset
            entry = catalog.dataset(wanted.name, data_dir).entry
            self._dataset = dataset = catalog.load(entry)(data_dir, wanted.params)
            self._place = {name: place for place, name in enumerate(dataset.ids)}
        except HashbenchError as error:
            self.note = self._missing(error.problem)
        else:
            if not any(name in self._place for name in self._any.query_ids):
                self.note = self._missing("none of the run's items is in it")

    def _missing(self, problem: str) -> str:
        """Why there are no captions or pictures, and the command that shows them."""
        here = self._data_dir.resolve()
        note = f"no captions or pictures in {here}: {problem}"
        used = _data_folder(self._run)
        if used is None or used == here:
            return note
        return f"{note}; the run used {used}: hashbench tui --data-dir {shlex.quote(str(used))}"

    @property
    def _any(self) -> CodeSet:
        return next(iter(self._codes.values()))

    def about(self) -> dict[str, Any]:
        """What there is to ask for."""
        return {
            "bits": sorted(self._codes),
            "directions": directions_of(set(self._any.query)),
            "query": len(self._any.query_labels),
            "database": len(self._any.database_labels),
            "note": self.note,
            "typed": self._spec.protocol != "published" and not self._spec.imported,
        }

    def items(
        self,
        find: str,
        offset: int,
        limit: int,
        order: str = "dataset",
        bits: int = 0,
        direction: str = "",
    ) -> dict[str, Any]:
        """Queries whose caption, labels or id hold every word of `find`: how many, and some.

        `order` is `dataset`, or `worst` or `best` by average precision in a direction, those
        without a relevant item last. With `bits` 0 none is computed: it takes a second or two
        where the kernels are compiled.
        """
        words = find.lower().split()
        count = len(self._any.query_labels)
        kept = [row for row in range(count) if self._matches(row, words)] if words else range(count)
        precision = self._average_precision(bits, direction) if bits else None
        if precision is not None and order != "dataset":
            sign = 1 if order == "worst" else -1
            kept = sorted(kept, key=lambda row: np.nan_to_num(sign * precision[row], nan=2.0))
        chosen = kept[offset : offset + min(limit, MOST)]
        items = [self._describe("query", row) for row in chosen]
        for item in items if precision is not None else ():
            value = float(precision[item["row"]])  # type: ignore[index]
            item["ap"] = None if np.isnan(value) else value
        return {"found": len(kept), "items": items}

    def _average_precision(self, bits: int, direction: str) -> NDArray[np.float64]:
        if (bits, direction) not in self._precision:
            self._precision[bits, direction] = average_precision(self._of(bits), direction)
        return self._precision[bits, direction]

    def _matches(self, row: int, words: Sequence[str]) -> bool:
        item = self._describe("query", row)
        text = " ".join([item["id"], item["caption"], *item["labels"]]).lower()
        return all(word in text for word in words)

    def rank(self, bits: int, direction: str, row: int, top: int) -> dict[str, Any]:
        """The database items nearest to query `row`."""
        codes = self._of(bits)
        one = find_direction(direction)
        source, target = one.query, one.database
        if not 0 <= row < len(codes.query_labels):
            raise InputError(f"there is no query {row}")
        shared = codes.database_labels.words & codes.query_labels.words[row]
        query, database = codes.query[source].words[row], codes.database[target].words
        return self._ranking(query, database, bits, shared.any(axis=1), top)

    def rank_typed(self, bits: int, direction: str, caption: str, top: int) -> dict[str, Any]:
        """The database items nearest to a caption typed by a person, encoded by the run."""
        database = self._ranked(bits, direction)
        return self._ranking(self._caption_code(caption, bits), database, bits, None, top)

    def rank_picture(self, bits: int, direction: str, file: str, top: int) -> dict[str, Any]:
        """The database items nearest to a picture in a file. Raises DamagedFileError."""
        database = self._ranked(bits, direction)
        return self._ranking(self._picture_code(file, bits), database, bits, None, top)

    def rank_new(self, bits: int, query: str, picture: bool, file: str, top: int) -> dict[str, Any]:
        """The nearest of the new items that `file` holds the codes of, to a caption or picture.

        Raises InputError for codes that another run made, or of another length.
        """
        items = read_encoded(Path(file))
        if items.run != self._run.id:
            raise InputError(
                f"holds codes of {items.run}; those of {self._run.id} mean something else",
                where=file,
                remedy=f"hashbench search {items.run}, or encode them with this run",
            )
        if bits not in items.codes:
            raise InputError(f"holds no codes of {bits} bits", where=file)
        code = self._picture_code(query, bits) if picture else self._caption_code(query, bits)
        distance = distances(code, items.codes[bits].words)
        order = nearest(distance, min(top, MOST)).tolist()
        results = [
            {"rank": place + 1, "distance": int(distance[row]), "row": row, "id": items.ids[row]}
            for place, row in enumerate(order)
        ]
        return {"results": results, "relevant": None}

    def _ranked(self, bits: int, direction: str) -> Words:
        return self._of(bits).database[find_direction(direction).database].words

    def _caption_code(self, caption: str, bits: int) -> Words:
        words: Words = self._encoder.texts([caption])[bits].words[0]
        return words

    def _picture_code(self, file: str, bits: int) -> Words:
        pixels = self._encoder.backbone.pixels(read_picture(Path(file)))
        words: Words = self._encoder.images(pixels[None])[bits].words[0]
        return words

    @functools.cached_property
    def _encoder(self) -> ItemEncoder:
        from hashbench.engine.item_encoder import ItemEncoder

        return ItemEncoder(self._run, self._spec, self._data_dir)

    def _ranking(
        self, query: Words, database: Words, bits: int, hit: NDArray[np.bool_] | None, top: int
    ) -> dict[str, Any]:
        """The nearest items; codes as one letter a bit, the first bit first."""
        distance = distances(query, database)
        order = nearest(distance, min(top, MOST))
        results = [
            {
                "rank": place + 1,
                "distance": int(distance[row]),
                "hit": None if hit is None else bool(hit[row]),
                "code": bit_text(database[row], bits),
                **self._describe("database", int(row)),
            }
            for place, row in enumerate(order)
        ]
        relevant = None if hit is None else int(hit.sum())
        return {"results": results, "relevant": relevant, "code": bit_text(query, bits)}

    def picture(self, side: str, row: int, width: int, height: int) -> dict[str, Any]:
        """A thumbnail of at most `width` x `height` pixels, RGB bytes in base 64."""
        place = self._place.get(self._id(side, row))
        if self._dataset is None or place is None:
            raise InputError(self.note or "the item is not in the dataset (any more)")
        image = self._dataset.pictures.read(place)
        return _thumbnail(image, width, height)

    def _of(self, bits: int) -> CodeSet:
        if bits not in self._codes:
            raise InputError(f"the run has no codes of {bits} bits")
        return self._codes[bits]

    def _id(self, side: str, row: int) -> str:
        ids = self._any.query_ids if side == "query" else self._any.database_ids
        return ids[row] if row < len(ids) else f"{side} {row}"

    def _describe(self, side: str, row: int) -> dict[str, Any]:
        codes = self._any
        labels = codes.query_labels if side == "query" else codes.database_labels
        name = self._id(side, row)
        place = self._place.get(name)
        known = self._dataset is not None and place is not None
        caption = self._dataset.captions[place][0] if known else ""  # type: ignore[union-attr,index]
        return {
            "row": row,
            "id": name,
            "caption": caption,
            "labels": _names(labels.words[row], codes.class_names),
        }

    def file_picture(self, file: str, width: int, height: int) -> dict[str, Any]:
        """A thumbnail of a picture in a file. Raises DamagedFileError."""
        return _thumbnail(read_picture(Path(file)), width, height)

    def confusion(self, bits: int, direction: str, top: int) -> dict[str, Any]:
        """Of the first hits of the queries of each class, the share of every class."""
        return confusion(self._of(bits), direction, top)

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to one question, by its `ask`; the other keys are what that takes."""
        answers: dict[str, Callable[..., dict[str, Any]]] = {
            "items": self.items,
            "rank": self.rank,
            "typed": self.rank_typed,
            "picture query": self.rank_picture,
            "new items": self.rank_new,
            "picture": self.picture,
            "file picture": self.file_picture,
            "confusion": self.confusion,
        }
        ask = question.get("ask")
        if ask not in answers:
            raise InputError(f"there is no question {ask!r}")
        return answers[ask](**{key: question[key] for key in question if key != "ask"})


def _data_folder(run: RunFolder) -> Path | None:
    """The data folder that a run was trained from; runs of earlier versions do not record it."""
    folder = results.read(run.result).facts.get("data folder") if run.result.is_file() else None
    return None if folder is None else Path(str(folder))


def _thumbnail(image: Image, width: int, height: int) -> dict[str, Any]:
    """A picture of at most `width` x `height` pixels, RGB bytes in base 64."""
    most = (min(width, MOST_PIXELS), min(height, MOST_PIXELS))
    scale = min(most[0] / image.width, most[1] / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    data = base64.b64encode(image.convert("RGB").resize(size).tobytes()).decode()
    return {"width": size[0], "height": size[1], "data": data}


def _names(mask: Words, class_names: Sequence[str]) -> list[str]:
    """The classes of a label mask (W,), bit c of it set for class c."""
    bits = np.unpackbits(mask.astype("<u8").view(np.uint8), bitorder="little")
    chosen = np.flatnonzero(bits).tolist()
    return [class_names[c] if c < len(class_names) else str(c) for c in chosen]


def main() -> int:
    """Answers until stdin ends."""
    parser = argparse.ArgumentParser(
        prog="python -m hashbench.engine.retrieval_server", description=__doc__
    )
    parser.add_argument("run", type=Path, help="the folder of a finished run")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    arguments = parser.parse_args()
    # whatever a library prints must not stand among the answers
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")

    try:
        library = Library(RunFolder(arguments.run.resolve()), arguments.data_dir)
    except HashbenchError as error:
        send(_problem(error))
        return error.exit_code
    send(library.about())
    for line in sys.stdin:
        try:
            send(library.answer(json.loads(line)))
        except HashbenchError as error:
            send(_problem(error))
    return 0


def _problem(error: HashbenchError) -> dict[str, Any]:
    return {"error": error.problem, "where": error.where, "remedy": error.remedy}


if __name__ == "__main__":
    sys.exit(main())
