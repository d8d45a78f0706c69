"""What a person calls a run: a name and tags, in a file of its own in the run's folder.

The id stays, since it is the folder's name and what every other file refers to.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.runs.layout import RunFolder

FILE = "tags.json"
MAX_BYTES = 1 << 16
MAX_LETTERS = 60
MAX_TAGS = 20
_TAG = re.compile(r"[\w.:+-]{1,30}")


class Tags(msgspec.Struct, frozen=True):
    """`name` is shown in place of the id where it is not empty."""

    name: str = ""
    tags: tuple[str, ...] = ()


def path_of(run: RunFolder) -> Path:
    """Where a run's tags are."""
    return run.path / FILE


def read(run: RunFolder) -> Tags:
    """The run's tags; none where the file is missing or no such file."""
    try:
        return msgspec.json.decode(read_bounded(path_of(run), MAX_BYTES, "tags"), type=Tags)
    except (OSError, DamagedFileError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Tags()  # a decoration: a damaged one is no reason to hide a run


def write(run: RunFolder, name: str, tags: list[str]) -> Tags:
    """Sets name and tags. Raises InputError for a tag that is no word or a name that is too long,
    and where the folder cannot be written.
    """
    name = " ".join(name.split())
    if len(name) > MAX_LETTERS or not name.isprintable():
        raise InputError(f"a name has at most {MAX_LETTERS} printable letters", where=run.id)
    wanted = tuple(dict.fromkeys(tags))
    for tag in wanted:
        if not _TAG.fullmatch(tag):
            raise InputError(
                f"{tag!r} is not a tag", where=run.id, remedy="one word each, up to 30 letters"
            )
    if len(wanted) > MAX_TAGS:
        raise InputError(f"more than {MAX_TAGS} tags", where=run.id)
    tagged = Tags(name, wanted)
    try:
        content = msgspec.json.encode(tagged) + b"\n"
        write_bytes_atomically(path_of(run), content, make_folder=False)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path_of(run)) from None
    return tagged
