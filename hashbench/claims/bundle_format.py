"""What a bundle holds: a tar file of runs, everything that a check of them needs and nothing else.

    bundle.json                             the list: format, version, size and SHA-256 of each file
    runs/<id>/spec.toml                     what was run
    runs/<id>/result.json                   what is claimed
    runs/<id>/codes/<bits>.npz              what the scores follow from
    runs/<id>/split.json                    the split, where the spec names a file of a person's
    runs/<id>/checkpoint/last.safetensors   the encoder, where it was asked for
    runs/<id>/labels.npz                    what training saw of the labels, beside the encoder

Nothing in it says who made it or where: paths are reduced to the names of files, and entries have
neither owner nor time, so that the same runs give the same bytes.
"""

from __future__ import annotations

import re

import msgspec

from hashbench.runs import result as results

FORMAT = 1
LIST = "bundle.json"
SPLIT = "split.json"
RUNS = "runs"
MAX_FILES = 20_000
MAX_LIST = 16 << 20
MAX_SPLIT = 1 << 28
MAX_CODES = 8 << 30
MAX_ENCODER = 16 << 30

_ID = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}"
KINDS = {
    r"spec\.toml": 1 << 18,
    r"result\.json": results.MAX_BYTES,
    r"codes/[1-9]\d{0,4}\.npz": MAX_CODES,
    r"split\.json": MAX_SPLIT,
    r"checkpoint/last\.safetensors": MAX_ENCODER,
    r"labels\.npz": 1 << 32,
}
"""Pattern of a file in a run -> the most bytes that it may have."""

_NAMES = [(re.compile(rf"{RUNS}/({_ID})/({kind})"), most) for kind, most in KINDS.items()]


class ListedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and SHA-256 of a file."""

    size: int
    sha256: str


class BundleList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `bundle.json`."""

    format: int
    hashbench: str
    files: dict[str, ListedFile]


def most_bytes(name: str) -> int | None:
    """How many bytes a file of that name may have; None for a name that no bundle has. Such a name
    leads nowhere but below the folder of its run.
    """
    if name == LIST:
        return MAX_LIST
    return next((most for pattern, most in _NAMES if pattern.fullmatch(name)), None)
