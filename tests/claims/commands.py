"""The command line, called in this process."""

from __future__ import annotations

import sys
from unittest import mock

import pytest

from hashbench.cli.main import main


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    capsys.readouterr()
    code = 0
    with mock.patch.object(sys, "argv", ["hashbench", *words]):
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
    return code, *capsys.readouterr()
