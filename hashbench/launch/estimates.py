"""What runs will cost on this machine: each kind of run measured once, in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import psutil

from hashbench.errors import HashbenchError, InputError
from hashbench.files.paths import cache_root
from hashbench.plan import catalog
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import LabelSpec, RunSpec, to_toml

Measure = Callable[[RunSpec, Path], RunEstimate]


def measured(
    specs: Sequence[RunSpec], data_dir: Path, measure: Measure | None = None
) -> list[RunEstimate]:
    """The estimate of each run. Runs that differ in seed alone, in known labels, in the length of
    their one code, or in the fold of the same features, are measured once. Raises InputError as the
    runs would.
    """
    measure = measure or measured_apart
    by_kind: dict[str, RunEstimate] = {}
    kinds = [kind_of(spec) for spec in specs]
    for spec, kind in zip(specs, kinds, strict=True):
        if kind not in by_kind:
            by_kind[kind] = measure(spec, data_dir)
    return [by_kind[kind] for kind in kinds]


def kind_of(spec: RunSpec) -> str:
    """What runs that are measured once have in common."""
    incomplete = spec.labels.known_ratio < 1
    bits = spec.bits if len(spec.bits) > 1 else ()
    labels = LabelSpec(known_ratio=0.5 if incomplete else 1.0)
    dataset = spec.dataset
    # folds share the features of frozen towers
    if dataset.folds and not catalog.method(spec.method).tuned(spec.params):
        dataset = msgspec.structs.replace(dataset, fold=1)
    kind = msgspec.structs.replace(spec, seed=0, bits=bits, labels=labels, dataset=dataset)
    return kind.hash + spec.device


def measured_apart(spec: RunSpec, data_dir: Path) -> RunEstimate:
    """Measures one run in a process of its own, whose peak of memory is that of the run."""
    done = subprocess.run(
        [sys.executable, "-m", "hashbench.engine.estimate", "--data-dir", str(data_dir.resolve())],
        input=to_toml(spec).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it was killed"]
        raise HashbenchError(
            f"the estimate ended with exit code {done.returncode}: {last[0]}",
            remedy="--no-estimate leaves it out",
        )
    answer = msgspec.json.decode(done.stdout)
    if "error" in answer:
        raise InputError(answer["error"], where=answer["where"], remedy=answer["remedy"])
    return msgspec.convert(answer, RunEstimate)


def disk_bytes(estimates: Sequence[RunEstimate]) -> int:
    """What runs add to the disk together; entries of the cache that they share count once."""
    shared = {each.cache_key: each.cache_bytes for each in estimates}
    return sum(shared.values()) + sum(each.run_bytes for each in estimates)


def total_seconds(estimates: Sequence[RunEstimate]) -> float:
    """Seconds of runs one after the other; features that they share are encoded once."""
    shared = {each.cache_key: each.feature_seconds for each in estimates}
    alone = (each.training_seconds + each.scoring_seconds for each in estimates)
    return sum(shared.values()) + sum(alone)


def require_room(estimates: Sequence[RunEstimate], data_dir: Path, runs_dir: Path) -> None:
    """Raises InputError where the runs cannot fit onto the disk or into memory."""
    shared = {each.cache_key: each.cache_bytes for each in estimates}
    own = sum(each.run_bytes for each in estimates)
    cache, runs = _existing(cache_root(data_dir)), _existing(runs_dir)
    if cache.stat().st_dev == runs.stat().st_dev:
        _require(disk_bytes(estimates), cache, f"features and runs, below {cache} and {runs}")
    else:
        _require(sum(shared.values()), cache, f"cached features, below {cache}")
        _require(own, runs, f"checkpoints and codes, below {runs}")
    memory = max((each.memory_bytes for each in estimates), default=0)
    if memory > (installed := psutil.virtual_memory().total):
        raise InputError(
            f"a run needs {_gigabytes(memory)} of memory, and this machine has "
            f"{_gigabytes(installed)}",
            remedy="a smaller batch_size (--set) or --train-size, or another machine",
        )
    for each in estimates:
        if each.gpu_bytes > each.gpu_total:
            raise InputError(
                f"a run needs {_gigabytes(each.gpu_bytes)} of GPU memory, and the GPU has "
                f"{_gigabytes(each.gpu_total)}",
                remedy="a smaller batch_size (--set), or --device cpu",
            )


def _require(needed: int, folder: Path, what: str) -> None:
    if needed > (free := shutil.disk_usage(folder).free):
        raise InputError(
            f"{_gigabytes(needed)} of disk are needed for {what}, and {_gigabytes(free)} are free",
            remedy="free some (`hashbench cache ls` lists features), --feature-precision fp16, or "
            "another --data-dir or --runs-dir",
        )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
