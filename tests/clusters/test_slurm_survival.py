"""Twelve runs on a Slurm on which everything goes wrong: a node that dies, one that is cut off
while its job lives on, a time limit, a cancelled job, one that is requeued by hand.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from hashbench.clusters import catalog
from hashbench.engine.process import attempt
from hashbench.runs import control, events, job, layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all
from tests.cli.conftest import Command
from tests.clusters.two_nodes import TwoNodes, until

pytestmark = [pytest.mark.slurm, pytest.mark.slow]  # minutes: limits of Slurm are whole minutes

LONG = 1800.0
SWEEP = """
[base]
dataset = "picturebook-tiny"
threads = 1

[[grid]]
method = "dcmh"
epochs = 2
bits = [8, 16, 24]
seed = [0, 1, 2, 3]
"""
OPTIONS = """
time = "60"
wait_seconds = 3
"""


def by_id(run: RunFolder) -> str:
    found = job.read(run)
    assert found is not None
    return found.id


def log(run: RunFolder) -> Sequence[events.AnyEvent]:
    return list(read_all(run.events))


def paused(run: RunFolder) -> bool:
    return status(run).state is Status.PAUSED


def works(run: RunFolder, workers: int) -> bool:
    """Whether so many workers have taken the run, one after another."""
    return sum(isinstance(event, events.Started) for event in log(run)) >= workers


def ended_by_slurm(run: RunFolder) -> bool:
    return any(isinstance(event, events.Stopped) and event.again for event in log(run))


def wait(true: Callable[[], bool], what: str) -> None:
    until(true, what, LONG)


def test_twelve_runs_survive_everything(
    nodes: TwoNodes,
    run_main: Command,
    tmp_path: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, nodes.environment[name])
    runs_dir, local_dir = tmp_path / "on slurm", tmp_path / "local"
    runs_dir.mkdir()
    (runs_dir / "slurm.toml").write_text(OPTIONS)
    sweep = tmp_path / "sweep.toml"
    sweep.write_text(SWEEP)
    where = ("--data-dir", str(data_dir))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    catalog.forget_looks()

    code, out, err = run_main(
        "sweep", str(sweep), "--on", "slurm", "--detach", "--runs-dir", str(runs_dir), *where
    )
    assert code == 0, out + err
    runs = sorted(layout.find(runs_dir), key=lambda run: int(by_id(run).partition("_")[2]))
    assert len(runs) == 12
    # a paused worker is one that is caught in the middle; four have a processor at once
    node_dies, limit, cancelled, requeued = runs[:4]
    cut_off = runs[-1]
    for run in (*runs[:4], cut_off):
        control.send(run, "pause")
    for run in runs[:4]:
        wait(partial(paused, run), f"{run.id} to train")

    # a job requeued by hand
    nodes.call("scontrol", "requeue", by_id(requeued))
    # a cancelled job
    nodes.call("scancel", by_id(cancelled))
    # a time limit that is near: save_seconds before it, the worker saves and the job goes back
    minutes = nodes.minutes(by_id(limit)) + 2
    nodes.call("scontrol", "update", f"JobId={by_id(limit)}", f"TimeLimit={minutes}")
    wait(lambda: ended_by_slurm(limit), "the time limit")
    wait(lambda: nodes.restarts(by_id(limit)) == 1, "the job to go back into the queue")
    wait(lambda: status(cancelled).state is Status.STOPPED, "the cancelled job")
    assert "Slurm job" in status(cancelled).reason
    nodes.call("scontrol", "update", f"JobId={by_id(limit)}", "TimeLimit=60")
    # a node that dies with its jobs
    node = nodes.node_of(by_id(node_dies))
    nodes.kill_node(node)
    if nodes.restarts(by_id(cut_off)):
        control.send(cut_off, "pause")  # it was there, too
    nodes.start_node(node)
    wait(lambda: works(node_dies, 2), "the job of the dead node")

    # a node that is cut off while a worker lives on it: the requeued job must not write beside it
    wait(partial(paused, cut_off), f"{cut_off.id} to train")
    node = nodes.node_of(by_id(cut_off))
    (worker,) = nodes.workers(cut_off.path)
    before, written = nodes.restarts(by_id(cut_off)), len(log(cut_off))
    nodes.kill_node(node, jobs_too=False)
    wait(
        lambda: nodes.restarts(by_id(cut_off)) >= before + 2,
        "a job that finds its predecessor alive and goes back into the queue",
    )
    assert worker.is_running()
    assert not any(isinstance(event, events.Started) for event in log(cut_off)[written:])
    worker.kill()
    nodes.start_node(node)

    # what was cancelled goes on when a person says so; all else by itself
    code, out, err = run_main(
        "resume", cancelled.id, "--detach", "--runs-dir", str(runs_dir), *where
    )
    assert code == 0, out + err
    begun = time.monotonic()
    wait(lambda: all(status(run).state is Status.FINISHED for run in runs), "all runs to finish")
    print(f"all finished {time.monotonic() - begun:.0f} s after the last interruption")  # noqa: T201

    for run in runs:
        assert_one_writer_at_a_time(run)
    disturbed = (node_dies, limit, cancelled, requeued, cut_off)
    assert [works(run, 2) for run in disturbed] == [True] * 5
    code, out, err = run_main(
        "sweep", str(sweep), "--on", "slurm", "--detach", "--runs-dir", str(runs_dir), *where
    )
    assert "12 finished; 0 to start" in out
    assert_local_codes(runs, local_dir, data_dir)


def assert_one_writer_at_a_time(run: RunFolder) -> None:
    """No event is missing, none is there twice, and no worker wrote after the next had begun."""
    happened = log(run)
    assert [event.seq for event in happened] == list(range(len(happened)))
    lines = run.events.read_bytes().splitlines()
    assert len(lines) == len(happened)  # no torn line
    assert all(a.t <= b.t + 0.01 for a, b in itertools.pairwise(happened))


def assert_local_codes(runs: Sequence[RunFolder], local_dir: Path, data_dir: Path) -> None:
    """The codes are those of runs that nothing disturbed, here, byte for byte."""
    local_dir.mkdir()
    for run in runs:
        local = RunFolder(local_dir / run.id)
        local.path.mkdir()
        local.spec.write_bytes(run.spec.read_bytes())
        assert attempt(local, data_dir, None) == 0
        names = sorted(path.name for path in run.codes.iterdir())
        assert names == sorted(path.name for path in local.codes.iterdir())
        for name in names:
            assert (run.codes / name).read_bytes() == (local.codes / name).read_bytes(), run.id
