"""The command line, as the tests of its own room call it."""

from tests.cli.conftest import run_main

__all__ = ["run_main"]
