"""A real Slurm for the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import run_main  # noqa: F401  # a fixture
from tests.clusters.two_nodes import PACKAGES, TwoNodes, missing, two_nodes


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    """A Slurm of two nodes; nothing of it is left behind."""
    if absent := missing():
        pytest.skip(f"not installed: {', '.join(absent)} (Debian packages: {PACKAGES})")
    with two_nodes() as slurm:
        yield slurm
    assert slurm.processes() == []
