"""The table of commands is true, and unknown commands are met with the nearest one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.table import Table
from typer.testing import CliRunner

from hashbench.cli.console import console
from hashbench.cli.main import COMMANDS, app

RUNNER = CliRunner()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_has_help(name: str) -> None:
    shown = RUNNER.invoke(app, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"hashbench {name}" in shown.output or "Usage: " in shown.output
    assert len(shown.output.splitlines()) > 5


def test_the_top_help_names_every_command() -> None:
    shown = RUNNER.invoke(app, ["--help"]).output
    for name, entry in COMMANDS.items():
        assert f"  {name} " in shown
        assert entry.help in shown


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    shown = RUNNER.invoke(app, ["comprae"])
    assert shown.exit_code == 2
    assert "compare" in shown.output


def test_the_version_is_that_of_the_package() -> None:
    shown = RUNNER.invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"hashbench {version('hashbench')}\n")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("hashbench re", "resume\nretry\nreport"),
        ("hashbench run --known", "--known-ratio"),
        ("hashbench run --method so", "soda"),
        ("hashbench run --protocol ", "strict\npublished"),
        ("hashbench datasets sp", "split"),
    ],
)
def test_shells_complete_commands_options_and_names(words: str, offered: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hashbench")],
        env={
            **os.environ,
            "_HASHBENCH_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == offered, done.stderr


def test_completion_is_printed_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    # Typer asks who called it, which need not be a shell where tests run
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    script = RUNNER.invoke(app, ["--show-completion"])
    assert script.exit_code == 0
    assert "_HASHBENCH_COMPLETE=complete_bash" in script.output


def test_output_to_a_pipe_is_neither_cut_nor_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(box=None)
    table.add_column("name")
    table.add_column("text")
    table.add_row("a" * 70, "b" * 300)
    monkeypatch.delenv("COLUMNS", raising=False)
    console().print(table)
    assert len(capsys.readouterr().out.splitlines()) == 2
    monkeypatch.setenv("COLUMNS", "80")
    console().print(table)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
