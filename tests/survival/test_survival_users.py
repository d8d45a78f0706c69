"""Two users of one group share a folder of runs: what one makes the other works on, or is told."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui import fixtures

GROUP, FIRST, SECOND = 54321, 54322, 54323

AS_USER = """
import contextlib, os, shutil, sys, tempfile
from hashbench.cli.main import main

def called(words):
    sys.argv = ["hashbench", *words]
    try:
        main()
    except SystemExit as left:
        return left.code or 0
    return 0

user, group, mask, *words = sys.argv[1:]
# once as the superuser on a copy, so that all modules are loaded: the interpreter may be his alone
with (
    tempfile.TemporaryDirectory() as folder,
    open(os.devnull, "w") as nowhere,
    contextlib.redirect_stdout(nowhere),
    contextlib.redirect_stderr(nowhere),
):
    called([*words[:-1], shutil.copytree(words[-1], folder + "/runs")])
os.setgroups([])
os.setegid(int(group))
os.seteuid(int(user))
os.umask(int(mask, 8))
sys.exit(called(words))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_user(user: int, mask: str, *words: str | Path) -> tuple[int, str]:
    """Exit code and all output of a command as a user of the group."""
    done = subprocess.run(
        [sys.executable, "-c", AS_USER, str(user), str(GROUP), mask, *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can act as two users")
@pytest.mark.parametrize(("mask", "shared"), [("002", True), ("022", False), ("077", False)])
def test_a_second_user_works_on_a_run_or_is_told_why_not(
    open_folder: Path, mask: str, shared: bool
) -> None:
    runs = open_folder / "runs"
    run = fixtures.finished(runs, fixtures.spec(), 1)
    for path in (runs, *runs.rglob("*")):
        os.chown(path, FIRST, GROUP)
        path.chmod((0o2777 if path.is_dir() else 0o666) & ~int(mask, 8))
    runs.chmod(0o2775)
    code, out = as_user(FIRST, mask, "tag", run.id, "--name", "mine", "--runs-dir", runs)
    assert code == 0, out
    code, out = as_user(SECOND, mask, "tag", run.id, "--name", "ours", "--runs-dir", runs)
    assert "Traceback" not in out
    if shared:
        assert code == 0, out
    else:
        assert (code, out.count("error: ")) in ((6, 1), (2, 1)), out
    for command in ("ls", "compare", "queue", "rm"):
        words = [command, "--yes", run.id] if command == "rm" else [command]
        code, out = as_user(SECOND, mask, *words, "--runs-dir", runs)
        assert "Traceback" not in out
        assert code == 0 or (not shared and out.count("error: ") == 1), out
    assert run.path.exists() is not shared
