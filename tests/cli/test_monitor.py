"""`hashbench monitor`: one reading for machines and people, and the live view."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from hashbench.report import live_runs
from hashbench.report.live_runs import LiveRuns
from hashbench.report.monitor import Disk, GpuReading, Monitor, Reading, RunReading
from hashbench.report.monitor_page import History, page
from hashbench.runs import events, gpus, processes
from hashbench.runs.gpus import Gpu
from tests.cli.conftest import Command
from tests.tui import fixtures

GIB = 2.0**30


def drawn(reading: Reading, history: History, width: int = 80) -> str:
    console = Console(width=width, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(page(reading, history, width))
    return capture.get()


def reading() -> Reading:
    gpu = GpuReading(
        Gpu(0, 0.98, 61 * GIB, 80 * GIB, 71.0, 512.0), "NVIDIA H200", {"run-1": 60 * GIB}
    )
    run = RunReading("run-1", "running", "student epoch 3 of 10", 0.65, 18.0, 1, 1.9, GIB, (0,))
    return Reading(
        0.0, "host", 0.43, (0.5, 0.36), (1.0, 0.5, 0.25), 5 * GIB, 23 * GIB, 0.0, 2 * GIB,
        (Disk("runs", 100 * GIB, 50 * GIB, 150 * GIB),), (gpu,), (run,),
    )  # fmt: skip


def test_one_reading_for_machines(run_main: Command, tmp_path: Path) -> None:
    run = fixtures.folder(tmp_path, fixtures.spec())
    began = fixtures.started(alive=True)
    mine = type(began)(**{**processes.this(), "facts": began.facts})
    fixtures.write_events(run, [mine, *fixtures.training(5)])
    fixtures.finished(tmp_path, fixtures.spec(seed=1), 2)
    code, out, err = run_main("monitor", "--json", "--runs-dir", str(tmp_path))
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert 0 <= found["cpu"] <= 1
    assert len(found["each_core"]) == psutil.cpu_count()
    assert found["memory_total"] == psutil.virtual_memory().total
    assert found["disks"][0]["total"] > 0
    (one,) = found["runs"]
    assert (one["run"], one["state"], one["pid"]) == (run.id, "running", os.getpid())
    assert one["memory"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.3)
    assert one["cpu"] < psutil.cpu_count()


def test_one_reading_for_people_without_a_terminal(run_main: Command, tmp_path: Path) -> None:
    code, out, _ = run_main("monitor", "--runs-dir", str(tmp_path / "none"))
    assert code == 0
    for word in ("cpu", "memory", "disk", "gpu", "no run has a worker"):
        assert word in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_page_says_everything_within_its_width() -> None:
    history = History()
    for _ in range(100):
        history.add(reading())
    for width in (80, 160):
        text = drawn(reading(), history, width)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        for part in ("43%", "5.0 of 23.0 GB", "50 GB free", "98%", "61.0 of 80.0 GB", "71 °C",
                     "512 W", "NVIDIA H200", "run-1", "65%", "18s", "1.90"):  # fmt: skip
            assert part in text, part
    assert "▃▃▃" in drawn(reading(), history, 160)


def test_gpus_are_laid_to_the_runs_whose_processes_use_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fixtures.folder(tmp_path, fixtures.spec())
    began = fixtures.started(alive=True)
    mine = type(began)(**{**processes.this(), "facts": began.facts})
    fixtures.write_events(run, [mine, *fixtures.training(5)])
    both = (Gpu(0, 0.1, 1.0, 2.0), Gpu(1, 0.9, 2.0, 2.0))
    monkeypatch.setattr(gpus, "read", lambda: both)
    monkeypatch.setattr(gpus, "title", lambda index: f"card {index}")
    on = {0: {1: 5.0}, 1: {os.getpid(): 7.0}}
    monkeypatch.setattr(gpus, "processes_on", on.__getitem__)
    found = Monitor(tmp_path, tmp_path).read()
    assert found.runs[0].gpus == (1,)
    assert [dict(gpu.runs) for gpu in found.gpus] == [{}, {run.id: 7.0}]
    assert found.gpus[1].name == "card 1"


def test_it_lives_in_a_terminal_until_q(tmp_path: Path) -> None:
    main, other = pty.openpty()
    command = [sys.executable, "-m", "hashbench", "monitor", "--every", "0.2"]
    command += ["--runs-dir", str(tmp_path), "--data-dir", str(tmp_path)]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    child = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment)
    os.close(other)
    seen, until = b"", time.monotonic() + 60
    while seen.count(b"memory") < 3 and time.monotonic() < until:
        seen += os.read(main, 65536)
    os.write(main, b"xq")
    assert child.wait(60) == 0
    os.close(main)
    assert b"\x1b[?1049h" in seen  # a screen of its own, so that the one before comes back


def test_live_runs_are_followed_from_their_start_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_runs, "LOOK_SECONDS", 0.0)
    live = LiveRuns(tmp_path)
    assert live.read() == []
    fixtures.finished(tmp_path, fixtures.spec(seed=1), 2)
    run = fixtures.folder(tmp_path, fixtures.spec())
    fixtures.write_events(run, [fixtures.started(alive=True), *fixtures.training(3)])
    ((found, before),) = live.read()
    assert (found.id, before.state) == (run.id, "running")
    fixtures.write_events(run, list(fixtures.training(12))[1:])
    ((_, after),) = live.read()
    assert (before.done or 0) < (after.done or 0)
    fixtures.write_events(run, [events.Stopped(reason="asked to stop")])
    assert live.read() == []
    fixtures.write_events(run, [fixtures.started(alive=True, resumed=True)])
    assert [one.id for one, _ in live.read()] == [run.id]  # resumed
    shutil.rmtree(run.path)
    assert live.read() == []
