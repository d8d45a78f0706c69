"""A runs folder on a read-only disk is looked at as ever; every change is refused in words."""

from __future__ import annotations

import datetime
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashbench.cli.main import main
from hashbench.engine.__main__ import main as work
from hashbench.plan.request import Request, expand
from hashbench.runs import events, layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.writer import EventWriter
from tests.survival.full_disk import small_disk


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[RunFolder]:
    """A stopped run on a disk that has become read-only."""
    with small_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("this user may not mount a disk")
        (spec,) = expand(Request())
        run = layout.create(disk / "runs", spec, datetime.datetime.now(datetime.UTC))
        with EventWriter(run.events) as writer:
            writer.write(events.Started(pid=1, since=0.0, host="x"))
            writer.write(events.Stopped(reason="asked"))
        remount = [shutil.which("mount") or "mount", "-o", "remount,ro", str(disk)]
        subprocess.run(remount, check=True)
        yield run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["ls"], 0),
        (["show", "last"], 0),
        (["compare"], 0),
        (["queue"], 0),
        (["resume", "last"], 6),
        (["resume", "--all"], 6),
        (["retry", "last"], 6),
        (["run"], 2),
        (["resume", "last", "--queue"], 2),
    ],
)
def test_commands(
    stopped: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
) -> None:
    runs = stopped.path.parent
    monkeypatch.setattr(sys, "argv", ["hashbench", *words, "--runs-dir", str(runs)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == code
    if code:
        message = capsys.readouterr().err
        assert "read-only" in message.lower()
        assert str(runs) in message
        assert "remedy" in message


def test_a_worker(
    stopped: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["worker", str(stopped.path)])
    assert work() == 6
    assert "worker.lock: the disk is read-only" in capsys.readouterr().err
