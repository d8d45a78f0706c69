"""The command line, called in the process of the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from hashbench.cli.main import main
from hashbench.plan import plugins

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command line with some words; returns exit code, stdout and stderr."""

    # put back in the end, whatever --methods set
    monkeypatch.setenv(plugins.FOLDERS, os.environ.get(plugins.FOLDERS, ""))

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hashbench", *words])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    return call
