"""The campaigns as tests, each in its own process; a lean share of the damaged inputs always."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hashbench.errors import StorageError
from hashbench.plan import catalog

ROOT = Path(__file__).resolve().parents[2]


def campaign(script: str, *words: object) -> dict[str, Any]:
    """The figures that a script beside this file prints."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, f"tests/survival/{script}.py", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert done.stdout.strip(), done.stderr.decode()[-3000:]
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def assert_survived(figures: dict[str, Any], count: int) -> None:
    assert figures["wrong"] == []
    assert figures["inputs"] == count
    assert all(sum(outcomes.values()) for outcomes in figures["kinds"].values())
    refused = sum(outcomes.get("refused", 0) for outcomes in figures["kinds"].values())
    assert refused > count // 3  # what is damaged at random is mostly noticed


def test_some_damaged_inputs_are_read_or_refused() -> None:
    assert_survived(campaign("damage", "--count", 99, "--seed", 7), 99)


@pytest.mark.slow  # five minutes of reading
def test_five_thousand_damaged_inputs_are_read_or_refused() -> None:
    assert_survived(campaign("damage", "--count", 5000), 5000)


@pytest.mark.slow  # half an hour of tiny runs of all methods, killed ten times each
def test_kills_change_nothing() -> None:
    figures = campaign("killing", "--kills", 200)
    assert figures["wrong"] == []
    assert figures["kills"] >= 200
    assert set(figures["by_method"]) == set(catalog.built_in_methods())


@pytest.mark.slow  # a dozen commands and workers, killed and repeated
def test_commands_that_are_killed_succeed_when_repeated() -> None:
    figures = campaign("kill_commands", "--each", 3)
    assert figures["wrong"] == []
    assert {"report", "bundle", "import", "cache of two", "launcher"} <= set(figures["kills"])


@pytest.mark.slow  # forty workers, each of which imports torch
def test_slots_that_change_let_no_more_train_than_allowed() -> None:
    figures = campaign("slot_changes")
    assert figures["finished"] == figures["runs"] == 40
    assert figures["too_many"] == figures["overtakings"] == 0


@pytest.mark.slow  # a dozen workers, one after another
def test_a_disk_that_was_full_leaves_runs_that_go_on() -> None:
    figures = campaign("full_disk")
    limited = figures["checkpoint over the size limit"]
    assert "larger than allowed" in limited["reason"]
    assert "hashbench resume" in limited["remedy"]
    assert "larger than allowed" in figures["no file may be written"]["log"]
    if "small disk" in figures:  # this user may mount one
        for case in (figures["small disk"]["while extracting"], figures["small disk"]):
            assert "the disk is full" in case["reason"]
            assert "hashbench resume" in case["remedy"]
    for case in figures.values():
        assert case["exit code"] == StorageError.exit_code
        assert case["halves"] == []
        assert case["resumed"]
        assert case["identical"]
