"""Fixtures that several rooms' tests use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# test processes and the workers that they start share the cores: one thread each
os.environ.setdefault("OMP_NUM_THREADS", "1")
# pytest-xdist sets the width of a terminal, which commands would wrap their output to
os.environ.pop("COLUMNS", None)

# a machine that others use, too, is slow at times; that is no defect of what is tested
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# the same examples every time, so that a commit passes or fails; `search` draws new ones
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published test data, which is no part of this repository."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HASHBENCH_SHARED", shared))
    if not folder.is_dir():
        pytest.skip(f"the shared test data is not there: {folder}")
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for the session, so that features of built-in data are computed once."""
    return tmp_path_factory.mktemp("data")
