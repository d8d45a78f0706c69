"""What every method of the catalogue keeps, end to end on the small built-in dataset.

The contract is that of `hashbench methods check` and `hashbench.testing.MethodContract`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hashbench.plan import catalog
from hashbench.runs import result
from hashbench.runs.layout import RunFolder
from hashbench.testing.method_checks import MethodChecks
from tests.engine.conftest import Make, here, make  # noqa: F401  # two of them are fixtures

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


@pytest.mark.parametrize(("name", "ablation"), [("dchmt", "tuned-2"), ("mith", "full-tuned-2")])
def test_a_baseline_with_tuned_blocks_is_scored_and_audited(
    name: str,
    ablation: str,
    make: Make,  # noqa: F811
    here: Callable[[RunFolder], int],  # noqa: F811
) -> None:
    run = make(method=[name], ablate=[ablation], epochs=1)
    assert here(run) == 0, run.events.read_text()
    scored = result.read(run.result)
    assert scored.audit.clean, scored.audit.verdict
    assert "block inputs" in scored.facts
    assert 0 < scored.scores["16"]["i2t"]["mAP@all"] <= 1
