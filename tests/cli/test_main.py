"""The table of commands is true, and unknown commands are met with the nearest one."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from hashbench.cli.main import COMMANDS, app

RUNNER = CliRunner()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_has_help(name: str) -> None:
    told = RUNNER.invoke(app, [name, "--help"])
    assert told.exit_code == 0, told.output
    assert f"hashbench {name}" in told.output or "Usage: " in told.output
    assert len(told.output.splitlines()) > 5


def test_the_top_help_names_every_command() -> None:
    told = RUNNER.invoke(app, ["--help"]).output
    for name, entry in COMMANDS.items():
        assert f"  {name} " in told
        assert entry.help in told


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    told = RUNNER.invoke(app, ["comprae"])
    assert told.exit_code == 2
    assert "compare" in told.output
