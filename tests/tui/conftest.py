"""Settings of its own for every test of the workbench."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashbench.clusters import catalog as clusters


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reads or writes what a person's workbench remembers; times are those of Greenwich,
    and whether this machine has a cluster does not matter.
    """
    monkeypatch.setattr(clusters, "at_hand", list)
    monkeypatch.setenv("HASHBENCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
