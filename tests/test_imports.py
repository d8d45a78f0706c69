"""What is light stays light: some commands import no numpy, most import no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui import fixtures

PROBE = """
import json, sys
sys.argv = ["hashbench", *json.loads(sys.argv[1])]
from hashbench.cli.main import main
try:
    main()
except SystemExit as ended:
    code = ended.code
sys.stderr.write(json.dumps({"code": code or 0, "modules": sorted(sys.modules)}))
"""


def modules_after(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    ended = json.loads(done.stderr.splitlines()[-1])
    assert ended["code"] == 0, done.stderr
    return {name.partition(".")[0] for name in ended["modules"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("compare", "--help"),
        ("plot", "--help"),
        ("report", "--help"),
        ("ls",),
        ("methods", "list"),
    ],
    ids=" ".join,
)
def test_imports_neither_torch_nor_numpy_nor_textual(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path))
    modules = modules_after(*arguments)
    assert "typer" in modules  # the probe sees what was imported
    heavy = {"torch", "numpy", "textual", "open_clip", "scipy", "numba", "rich", "pydantic"}
    assert not modules & heavy


def test_a_list_of_runs_draws_no_table_of_richs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path))
    fixtures.finished(tmp_path, fixtures.spec(), 1)
    for _ in range(2):  # without an index and with one
        modules = modules_after("ls")
        assert not modules & {"torch", "numpy", "textual", "rich", "psutil"}


@pytest.mark.parametrize("arguments", [("run", "--dry-run"), ("compare", "--format", "json")])
def test_planning_and_comparing_import_no_torch(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path))
    assert not modules_after(*arguments) & {"torch", "open_clip", "torchvision"}
