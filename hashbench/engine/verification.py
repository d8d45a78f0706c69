"""Checks of a finished run that need its dataset, or its encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from hashbench.codefiles.native import CodeSet
from hashbench.datasets import splits
from hashbench.datasets.base import Dataset, IntArray
from hashbench.engine import checkpoint, randomness
from hashbench.engine.audit import audit
from hashbench.engine.build import build_method, prepare
from hashbench.engine.data import load_dataset, no_report, split_of
from hashbench.engine.encoding import encode
from hashbench.errors import InputError
from hashbench.files.temporary_folders import temporary_folder
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result

Progress = Callable[[str, int, int], None]
"""(what, done, of) of work that takes long."""

OTHER_DEVICE = 1e-3
"""Share of bits that may differ where another kind of device encodes: sums are rounded in another
order, which moves relaxed codes that are all but zero."""


def split_problems(
    spec: RunSpec, result: Result, codes: Sequence[CodeSet], data_dir: Path
) -> list[str]:
    """What of the result or the codes is not the split of the dataset that the spec names.

    Raises InputError where the dataset is not there.
    """
    dataset = load_dataset(spec.dataset, data_dir)
    split = split_of(spec, dataset)
    problems = []
    if result.facts.get("left out"):  # pictures that could not be read, here or there
        coded = {*codes[0].query_ids, *codes[0].database_ids}
        gone = [row for row, item in enumerate(dataset.ids) if item not in coded]
        split = splits.without(split, dataset.ids, gone)
    for name, claimed, real in (
        ("fingerprint of the dataset", result.dataset["fingerprint"], dataset.fingerprint),
        ("number of items", result.dataset["items"], len(dataset)),
        ("name of the split", result.split["name"], split.name),
        ("hash of the split", result.split["hash"], split.hash),
        *((f"size of part {part}", result.split[part], n) for part, n in split.sizes().items()),
    ):
        if claimed != real:
            problems.append(f"{name} is {real}, not {claimed}")
    for one in codes:
        for side, rows in (("query", split.query), ("database", split.database)):
            ids: Sequence[str] = getattr(one, f"{side}_ids")
            labels: LabelMasks = getattr(one, f"{side}_labels")
            problem = _first_difference(dataset, rows, ids, labels)
            problems += [f"{one.bits} bits: {side} {problem}"] if problem else []
    return problems


def _first_difference(
    dataset: Dataset, rows: IntArray, ids: Sequence[str], labels: LabelMasks
) -> str:
    """Where the items of codes are not those rows of a dataset; empty where they are."""
    if len(labels) != len(rows):
        return f"codes of {len(labels):,} items, the split has {len(rows):,}"
    expected = [dataset.ids[row] for row in rows]
    for place, (mine, theirs) in enumerate(zip(ids, expected, strict=False)):
        if mine != theirs:
            return f"{place} is item {mine}, the split has {theirs}"
    real = LabelMasks.from_multi_hot(dataset.labels[rows])
    if real.classes != labels.classes:
        return f"labels of {labels.classes} classes, the dataset has {real.classes}"
    wrong = np.flatnonzero((real.words != labels.words).any(axis=1))
    return f"{expected[wrong[0]]} has other labels in the dataset" if len(wrong) else ""


def encoder_problems(
    run: RunFolder,
    spec: RunSpec,
    result: Result,
    codes: Sequence[CodeSet],
    data_dir: Path,
    progress: Progress | None = None,
) -> list[str]:
    """What the run's encoder makes otherwise than its codes, and how another audit ends.

    Nothing is written into the run. Raises InputError where dataset or backbone are not there,
    DamagedFileError for a checkpoint that is not that of the spec.
    """
    saved = checkpoint.load(run, spec.hash)
    if saved is None:
        raise InputError("there is no checkpoint", where=run.checkpoint)
    trained_on = str(result.facts.get("device", "cpu")).partition(":")[0]
    device = torch.device(trained_on if torch.cuda.is_available() else "cpu")
    if isinstance(threads := result.facts.get("threads"), int) and threads > 0:
        torch.set_num_threads(threads)  # sums over other numbers of threads are rounded otherwise
    randomness.deterministic()
    with temporary_folder("hashbench-verify-") as scratch:
        labels = run.labels if run.labels.is_file() else scratch / "labels.npz"
        prepared = prepare(spec, data_dir, labels, device, progress or no_report)
        method = build_method(prepared, progress or no_report)
    method.load_state_dict(saved.best.model or saved.model)
    method.eval()
    split = prepared.data.split
    made = {
        "query": encode(method, prepared.data, split.query, "query"),
        "database": encode(method, prepared.data, split.database, "database"),
    }
    allowed = 0.0 if device.type == trained_on else OTHER_DEVICE
    problems = [problem for one in codes for problem in _other_codes(made, one, allowed)]
    again = audit(method, prepared.data, spec.seed)
    if again != result.audit and (device.type == trained_on or again.clean != result.audit.clean):
        problems.append(f"audited again it is {again.verdict}, not {result.audit.verdict}")
    return problems


def _other_codes(
    made: Mapping[str, Mapping[str, Mapping[int, Codes]]], stored: CodeSet, allowed: float
) -> list[str]:
    """Where the encoder's codes are not those that are stored, as shares of bits."""
    problems = []
    for side, own in (("query", stored.query), ("database", stored.database)):
        for modality, codes in own.items():
            again = made[side].get(modality, {}).get(stored.bits)
            if again is None or len(again) != len(codes):
                problems.append(f"no such {stored.bits} bit {side} codes of {modality} are made")
                continue
            differing = float(np.mean(again.to_bools() != codes.to_bools()))
            if differing > allowed:
                problems.append(
                    f"{differing:.2%} of the bits of {stored.bits} bit {side} codes of {modality} "
                    "are not the encoder's"
                )
    return problems
