"""Repeating a run from its spec, and whether the codes came out the same."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from hashbench.claims.bundle_format import SPLIT
from hashbench.codefiles.native import CodeSet, read_codes
from hashbench.errors import InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import result as results
from hashbench.runs.layout import RunFolder

_DECIDE = ("device name", "threads", "torch", "numpy", "hashbench", "features")
"""Facts that may change codes where they differ."""


def spec_to_repeat(run: RunFolder, runs_dir: Path) -> RunSpec:
    """The spec that means this run, with as many threads as it had.

    A split file of a bundle is kept beside the runs, in `.splits`. Raises InputError for imported
    codes, and DamagedFileError.
    """
    spec = specs.read(run.spec)
    if spec.imported:
        raise InputError(
            "holds imported codes, which nothing here has trained",
            where=run.id,
            remedy="`hashbench verify` checks their scores",
        )
    threads = results.read(run.result).facts.get("threads") if run.result.is_file() else None
    if spec.threads == 0 and isinstance(threads, int) and threads > 0:
        # sums over another number of threads are rounded otherwise
        spec = msgspec.structs.replace(spec, threads=threads)
    beside = run.path / SPLIT
    if spec.dataset.split == SPLIT and beside.is_file():
        kept = runs_dir / ".splits" / f"{run.id}.json"
        write_bytes_atomically(kept, beside.read_bytes())
        dataset = msgspec.structs.replace(spec.dataset, split=str(kept.resolve()))
        spec = msgspec.structs.replace(spec, dataset=dataset)
    return spec


def differences(before: RunFolder, again: RunFolder) -> list[str]:
    """Where the codes of a repetition are not those of the run; empty where all bits are equal.

    Raises InputError where one of them has no codes.
    """
    first, second = ({one.bits: one for one in read_codes(run.codes)} for run in (before, again))
    found = [f"{bits} bits: only one of the two has codes" for bits in first.keys() ^ second.keys()]
    for bits in sorted(first.keys() & second.keys()):
        found += _differing(first[bits], second[bits])
    return found


def _differing(first: CodeSet, second: CodeSet) -> list[str]:
    found = []
    for side in ("query", "database"):
        if tuple(getattr(first, f"{side}_ids")) != tuple(getattr(second, f"{side}_ids")):
            found.append(f"{first.bits} bits: other {side} items")
            continue
        mine, theirs = getattr(first, side), getattr(second, side)
        for modality in sorted({*mine} | {*theirs}):
            if modality not in mine or modality not in theirs:
                found.append(f"{first.bits} bits: only one has {side} codes of {modality}")
                continue
            share = float(np.mean(mine[modality].to_bools() != theirs[modality].to_bools()))
            if share:
                found.append(f"{first.bits} bits: {share:.2%} of {side} bits of {modality} differ")
    return found


def other_circumstances(before: RunFolder, again: RunFolder) -> list[str]:
    """What was not the same, of all that may change codes: versions, device, threads."""
    facts = [
        results.read(run.result).facts if run.result.is_file() else {} for run in (before, again)
    ]
    return [
        f"{name}: {facts[0][name]}, now {facts[1][name]}"
        for name in _DECIDE
        if name in facts[0] and name in facts[1] and facts[0][name] != facts[1][name]
    ]
