"""`hashbench rm` and what has deleted runs back; `show --confusion`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.runs import trash
from hashbench.runs.layout import RunFolder
from tests.tui import fixtures

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def command(run_main: Command, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("HASHBENCH_RUNS", str(runs_dir))
    return run_main


@pytest.fixture
def runs(runs_dir: Path) -> list[RunFolder]:
    return [fixtures.finished(runs_dir, fixtures.spec(seed=seed), seed) for seed in range(3)]


def test_rm_and_undo(command: Command, runs: list[RunFolder], runs_dir: Path) -> None:
    one, two, three = (run.id for run in runs)
    assert command("rm", "--undo")[0] == 2
    code, out, err = command("rm", one, two, "--yes")
    assert code == 0
    assert "hashbench rm --undo" in out
    assert "the trash holds 2 runs" in err
    assert one not in command("ls")[1]
    listed = json.loads(command("rm", "--trash", "--json")[1])
    assert [row["run"] for row in listed] == [one, two]
    assert all(row["bytes"] > 0 and row["minutes left"] > 50 for row in listed)
    assert one in command("rm", "--trash")[1]
    assert command("rm", "--undo", two)[1] == f"{two}: is back\n"
    assert command("rm", three, "--yes")[0] == 0
    assert command("rm", "--undo")[1] == f"{three}: is back\n"  # the last alone
    assert command("rm", "--undo", "nobody")[0] == 2
    assert command("rm", "--empty")[0] == 2  # nobody can answer
    assert command("rm", "--empty", "--yes")[1] == f"{one}: removed for good\n"
    assert not (runs_dir / trash.FOLDER).exists()
    assert command("rm", three, "--yes", "--for-good")[1] == f"{three}: removed for good\n"
    assert not (runs_dir / trash.FOLDER).exists()
    assert command("rm", "--undo", "--empty")[0] == 2


def test_confusion_is_printed_and_machine_readable(command: Command, runs: list[RunFolder]) -> None:
    run = runs[0]
    signs = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0]], bool)
    labels = LabelMasks.from_multi_hot([[1, 0], [1, 0], [0, 1]])
    codes = {name: Codes.from_signs(signs) for name in ("image", "text")}
    run.codes.mkdir(exist_ok=True)
    write_codes(run.codes, CodeSet(4, codes, codes, labels, labels, class_names=("dog", "sea")))
    code, out, _ = command("show", run.id, "--confusion", "--top", "2")
    assert code == 0
    assert "worst first" in out
    page = json.loads(command("show", run.id, "--confusion", "--top", "2", "--json")[1])
    assert [row["name"] for row in page["classes"]] == ["sea", "dog"]
    assert page["classes"][0]["shares"] == {"dog": 0.5, "sea": 0.5}
    assert page["classes"][1]["own"] == 1.0
    assert command("show", run.id, "--confusion", "--bits", "99")[0] == 2
    assert command("show", run.id, "--confusion", "--direction", "x2y")[0] == 2
