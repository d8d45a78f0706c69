"""The command line, as the tests of its own room call it; workers that are forked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hashbench.runs import layout
from tests.cli.conftest import run_main
from tests.survival.tiny_runs import BITS, now, spec_of
from tests.survival.worker_forks import Forks

__all__ = ["run_main"]


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


@pytest.fixture(scope="session")
def undisturbed(forks: Forks, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The codes of a tiny run that nothing happened to."""
    run = layout.create(tmp_path_factory.mktemp("undisturbed"), spec_of("soda"), now())
    assert forks.wait(forks.worker(run.path, data_dir)) == 0, run.log.read_text()
    return (run.codes / f"{BITS}.npz").read_bytes()
