"""What is read of COCO's json files; everything else in them is skipped while decoding."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.bounded_read import read_bounded

MAX_BYTES = 4 << 30
"""The largest official file, instances_train2017.json, has 0.47 GB."""


class Image(msgspec.Struct, gc=False):
    id: int
    file_name: str


class Caption(msgspec.Struct, gc=False):
    image_id: int
    caption: str


class Instance(msgspec.Struct, gc=False):
    image_id: int
    category_id: int


class Category(msgspec.Struct, gc=False):
    id: int
    name: str


class Captions(msgspec.Struct):
    images: list[Image]
    annotations: list[Caption]


class Instances(msgspec.Struct):
    images: list[Image]
    annotations: list[Instance]
    categories: list[Category]


Content = TypeVar("Content", Captions, Instances)


def read_json(path: Path, content: type[Content]) -> Content:
    """The file's content. Raises InputError when missing, DamagedFileError naming the key."""
    remedy = "fetch COCO's annotations again"
    try:
        content_bytes = read_bounded(path, MAX_BYTES, "an annotation file", remedy=remedy)
        return msgspec.json.decode(content_bytes, type=content)
    except FileNotFoundError:
        raise InputError("is missing", where=path, remedy=remedy) from None
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except msgspec.ValidationError as error:
        raise DamagedFileError(
            f"is not COCO's format: {error}", where=path, remedy=remedy
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"is not valid json: {error}", where=path, remedy=remedy) from None
    except RecursionError:
        raise DamagedFileError("is nested too deeply", where=path, remedy=remedy) from None
