"""A data folder whose features are computed once a session, and ways to make and work runs."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from hashbench.engine.__main__ import main
from hashbench.plan.request import Request, expand
from hashbench.runs import layout
from hashbench.runs.layout import RunFolder

Make = Callable[..., RunFolder]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run folder of a small request on `picturebook-tiny`."""

    def create(**request: Any) -> RunFolder:
        settled = {"dataset": ["picturebook-tiny"], "bits": [16], "threads": 1} | request
        (spec,) = expand(Request(**settled))
        return layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))

    return create


def worker(run: RunFolder, data_dir: Path) -> subprocess.Popen[bytes]:
    """The worker process of a run, as the command line starts it; its log is in the run folder."""
    with run.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hashbench.engine", str(run.path), "--data-dir", str(data_dir)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture
def here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[RunFolder], int]]:
    """Works a run in this process: what a worker does but for its own process and signals."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def work(run: RunFolder) -> int:
        monkeypatch.setattr("sys.argv", ["engine", str(run.path), "--data-dir", str(data_dir)])
        return main()

    yield work
    torch.use_deterministic_algorithms(False)
