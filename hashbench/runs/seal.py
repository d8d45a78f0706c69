"""Whether the numbers of a run are those that were scored: digests of result, codes and spec.

A digest shows a file that was edited or damaged after the run; it is no proof against a person who
computes a new one. What proves a score is scoring the codes again (`hashbench eval RUN`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from hashbench.files.bounded_read import read_bounded
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import MAX_BYTES, Result, digest_of

FILE_BYTES, ITEM_BYTES = 1 << 20, 1 << 14
"""Room for headers, and for the name and the labels of an item, many times what is needed."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changes(run: RunFolder, spec: RunSpec, result: Result) -> tuple[str, ...]:
    """In words, what was changed since the run was scored; empty where nothing was, and for
    results of earlier versions, which have none.
    """
    if not result.digest:
        return ()
    problems = []
    content: dict[str, Any] = msgspec.json.decode(
        read_bounded(run.result, MAX_BYTES, "a result"), type=dict
    )
    if digest_of(content) != result.digest:
        problems.append("result.json does not match its digest")
    if spec.hash != result.spec_hash:
        problems.append("spec.toml is not the spec that was run")
    for bits, digest in result.code_digests.items():
        path = run.codes / f"{bits}.npz"
        # codes that were removed to save space change no score
        try:
            if path.is_file() and not _is_sealed(path, digest, _most_bytes(result, int(bits))):
                problems.append(f"codes/{path.name} are not the codes that were scored")
        except OSError as error:
            problems.append(f"codes/{path.name} cannot be read: {error.strerror}")
    return tuple(problems)


def _is_sealed(path: Path, digest: str, most: int) -> bool:
    """Whether a file has that digest; one larger than it can be is not read to its end."""
    return path.stat().st_size <= most and file_digest(path) == digest


def _most_bytes(result: Result, bits: int) -> int:
    """What no code file of that many items exceeds."""
    items = sum(size for size in result.split.values() if isinstance(size, int))
    return FILE_BYTES + items * (ITEM_BYTES + 8 * bits)


def report(run: RunFolder, spec: RunSpec, result: Result) -> list[str]:
    """What is to be said where one run is shown: every change, or that it cannot be known."""
    if not result.digest:
        return [
            "result.json has no digest (an earlier version wrote it): later edits would not show"
        ]
    lines = [f"CHANGED AFTER SCORING: {change}" for change in changes(run, spec, result)]
    missing = [bits for bits in result.code_digests if not (run.codes / f"{bits}.npz").is_file()]
    if missing:
        lines.append(f"the codes of {', '.join(missing)} bits have been removed")
    return lines
