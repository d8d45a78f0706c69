"""What every method of the catalogue keeps, end to end on the small built-in dataset.

The contract is that of `hashbench methods check` and `hashbench.testing.MethodContract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hashbench.plan import catalog
from hashbench.testing.method_checks import MethodChecks

METHODS = list(catalog.built_in_methods())
OF_ONE_RUN = ("card", "encoders", "trains", "audit", "batches")
OF_MORE_RUNS = ("resumes", "unknown labels")


def broken(name: str, checks: Sequence[str], folder: Path, data_dir: Path) -> list[str]:
    """What the checks of a method find."""
    method = MethodChecks(name, folder, data_dir)
    assert set(method) == {*OF_ONE_RUN, *OF_MORE_RUNS}
    verdicts = [method.verdict(check) for check in checks]
    return [f"{verdict.check}: {verdict.text}" for verdict in verdicts if not verdict.passed]


def test_the_four_methods_and_the_floor_are_found() -> None:
    assert {"soda", "pcril", "prompthash", "pghmh", "lsh"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_short_run_keeps_the_contract(name: str, tmp_path: Path, data_dir: Path) -> None:
    assert broken(name, OF_ONE_RUN, tmp_path, data_dir) == []


@pytest.mark.slow  # three or four more runs of every method
@pytest.mark.parametrize("name", METHODS)
def test_stops_and_unknown_labels_keep_the_contract(
    name: str, tmp_path: Path, data_dir: Path
) -> None:
    assert broken(name, OF_MORE_RUNS, tmp_path, data_dir) == []
