"""Reading TOML that anybody may have written."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

MAX_PARTS = 64
_BETWEEN = re.compile(rb"[,=\[\]{}\n]")


def decode(content: bytes, kind: type[T]) -> T:
    """The content as a value of a type.

    Raises msgspec.DecodeError (of which ValidationError is one) and RecursionError. Keys of very
    many parts (a.a.a...) are refused, since the parser takes the square of their number.
    """
    if content.count(b".") > MAX_PARTS:
        tight = content.replace(b" ", b"").replace(b"\t", b"")
        if any(word.count(b".") > MAX_PARTS for word in _BETWEEN.split(tight)):
            raise msgspec.DecodeError(f"has a key of more than {MAX_PARTS} parts")
    return msgspec.toml.decode(content, type=kind)
