"""A run that was really trained, so that every check of a claim can hold."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from hashbench.plan.request import Request, expand
from hashbench.runs import layout
from hashbench.runs.layout import RunFolder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[RunFolder]:
    """A finished run of `lsh` on `picturebook-tiny`, worked in this process; not to be changed."""
    import datetime

    from hashbench.engine.process import attempt

    (spec,) = expand(
        Request(method="lsh", dataset=["picturebook-tiny"], bits=[16], threads=1)  # type: ignore[arg-type]
    )
    folder = tmp_path_factory.mktemp("trained")
    run = layout.create(folder, spec, datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    threads = torch.get_num_threads()
    assert attempt(run, data_dir, None) == 0
    for number, handler in handlers.items():
        signal.signal(number, handler)
    yield run
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture
def copy(trained: RunFolder, tmp_path: Path) -> Callable[[], RunFolder]:
    """Makes a copy of the run in a runs folder of the test."""

    def make() -> RunFolder:
        path = tmp_path / "runs" / trained.id
        shutil.copytree(trained.path, path)
        return RunFolder(path)

    return make
