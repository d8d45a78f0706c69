"""`result.json`: the scores of a finished run, with the protocol under which each was computed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from hashbench.errors import DamagedFileError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.runs.events import Scalar

VERSION = 1
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{1,9}$")]  # of a direction, a modality
Bits = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,4}$")]
MAX_BYTES = 64 << 20


class AuditResult(msgspec.Struct, frozen=True):
    """Share of bits that change when something is changed that an encoder must not see.

    `sample` items were encoded again with labels permuted among items, with the paired modality
    permuted, and with the batch permuted and resized. Zero is clean. `paired` is None for codes
    that are made of both modalities by right. A `sample` of 0 says that there was no encoder: the
    codes were imported.
    """

    sample: int
    labels: float
    paired: float | None
    batch: float

    @property
    def clean(self) -> bool:
        return self.sample > 0 and not any((self.labels, self.paired, self.batch))

    @property
    def verdict(self) -> str:
        """The audit in words."""
        if self.clean:
            return "clean"
        if not self.sample:
            return "not audited: imported codes have no encoder"
        parts = {"labels": self.labels, "paired modality": self.paired, "batch": self.batch}
        changed = [f"{name} {share:.1%}" for name, share in parts.items() if share]
        return "LEAK: bits change with " + ", ".join(changed)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`scores` maps bit length -> direction -> metric name -> value on the test queries.

    `floors` maps bit length -> metric name -> the random floor (`hashbench.metrics.random_floor`).
    Earlier versions stored `floor` instead, the share of relevant (query, database) pairs.
    `without_relevant` counts queries that no database item is relevant to; they are left out.
    `selected` says which epoch was scored and what chose it. `code_digests` maps bit length ->
    SHA-256 of its code file, and `digest` is that of everything here: see `hashbench.runs.seal`.
    """

    version: int = VERSION
    run: str
    spec_hash: str
    protocol: str
    directions: tuple[str, ...]
    split: dict[str, Any]
    dataset: dict[str, Any]
    backbone: str
    selected: dict[str, Any]
    scores: dict[Bits, dict[Word, dict[str, float]]]
    codes: dict[Bits, dict[Word, dict[str, float]]]
    floors: dict[Bits, dict[str, float]] = {}
    floor: float | None = None
    without_relevant: int
    audit: AuditResult
    seconds: float
    facts: dict[str, Any]
    code_digests: dict[Bits, str] = {}
    digest: str = ""


def write(path: Path, result: Result) -> None:
    """Writes the result with its digest, atomically."""
    write_bytes_atomically(path, encoded(result), make_folder=False)


def encoded(result: Result) -> bytes:
    """The content of a result's file, with its digest."""
    digest = digest_of(msgspec.to_builtins(result))
    plain = msgspec.json.encode(msgspec.structs.replace(result, digest=digest))
    return msgspec.json.format(plain, indent=1) + b"\n"


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 of a result as plain values, `digest` left out, whatever the layout."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


class _Split(msgspec.Struct):
    """What must be in `split`."""

    name: str
    hash: str
    query: int
    database: int
    fit: int
    validation: int


class _Dataset(msgspec.Struct):
    """What must be in `dataset`."""

    name: str
    fingerprint: str
    items: int


class _Selected(msgspec.Struct):
    """What must be in `selected`."""

    by: str
    stage: str
    epoch: int
    score: float | None


def read(path: Path) -> Result:
    """The result in a file. Raises DamagedFileError."""
    try:
        result = msgspec.json.decode(read_bounded(path, MAX_BYTES, "a result"), type=Result)
        _check(result)
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(f"is not a result: {error}", where=path) from None
    return result


def _check(result: Result) -> None:
    """Raises ValidationError where something is missing that every result has, or is nested."""
    for facts in (result.split, result.dataset, result.selected, result.facts):
        msgspec.convert(facts, dict[str, Scalar])
    msgspec.convert(result.split, _Split)
    msgspec.convert(result.dataset, _Dataset)
    msgspec.convert(result.selected, _Selected)
    metrics = {tuple(sorted(m)) for by_dir in result.scores.values() for m in by_dir.values()}
    if len(metrics) != 1 or not all(result.scores.values()):
        raise msgspec.ValidationError("scores lack a direction or a metric")
