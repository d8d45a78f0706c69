"""Training from a program: the same worker that `hashbench run` starts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashbench.api.arrays import PathLike, in_python
from hashbench.api.runs import Run
from hashbench.backbones.preflight import check_inputs
from hashbench.errors import InputError
from hashbench.launch import spawn
from hashbench.plan.request import checked_values, expand, overridden, read_config
from hashbench.plan.run_options import request
from hashbench.plan.spec import RunSpec
from hashbench.runs.layout import create


def train(
    spec: RunSpec | PathLike | None = None,
    *,
    runs_dir: PathLike = "runs",
    data_dir: PathLike = "data",
    wait: bool = True,
    **options: Any,
) -> Run:
    """Trains a method in a worker process, and returns its run once it has finished.

    `spec` is the spec of another run, or a TOML file of options or of a run's spec; `options` are
    those of `hashbench run` with underscores: `method="soda"`, `bits=32`, `seed=1`,
    `known_ratio=0.3`, `set={"alpha": 0.1}`; they win over the file. With `wait=False` it returns
    at once, and `run.events(follow=True)` follows. The worker outlives this process.

    Raises InputError for anything that cannot run, before anything starts, and TrainingError where
    the training failed.

    >>> import hashbench
    >>> hashbench.train(method="soda", bits=[16, 32])
    Traceback (most recent call last):
    hashbench.errors.InputError: asks for 2 runs; train() starts one
      remedy: call it once for each
    >>> hashbench.train(methd="soda")
    Traceback (most recent call last):
    hashbench.errors.UnknownNameError: train: there is no key named 'methd'
      ...
    """
    folder, data = Path(runs_dir), Path(data_dir)
    with in_python():
        chosen = _spec(spec, options, data)
        check_inputs([chosen], data, fetch=True)
    run = create(folder, chosen, datetime.datetime.now().astimezone())
    started = Run(run, spawn.start(run, data))
    return started.wait() if wait else started


def _spec(given: RunSpec | PathLike | None, options: Mapping[str, Any], data_dir: Path) -> RunSpec:
    if isinstance(given, RunSpec):
        if options:
            raise InputError("a spec is complete: options do not go with it", where="train")
        return given
    values = checked_values(options, "train")
    if given is not None:
        values = overridden(read_config(Path(given), data_dir), values)
    found = expand(request(values), data_dir)
    if len(found) != 1:
        raise InputError(
            f"asks for {len(found)} runs; train() starts one", remedy="call it once for each"
        )
    return found[0]
