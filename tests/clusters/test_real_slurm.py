"""Runs as jobs of a real Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.clusters import catalog
from hashbench.runs import job, layout
from hashbench.runs.state import Status
from hashbench.runs.status import status
from tests.cli.conftest import Command
from tests.clusters.two_nodes import TwoNodes

pytestmark = pytest.mark.slurm

RUN = ("run", "-m", "lsh", "--dataset", "picturebook-tiny", "--threads", "1", "--on", "slurm")


@pytest.fixture
def runs(nodes: TwoNodes, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder whose name holds what a shell and Slurm would stumble over."""
    folder = tmp_path / '100%j it\'s "$HOME"'
    folder.mkdir()
    monkeypatch.setenv("SLURM_CONF", nodes.environment["SLURM_CONF"])
    monkeypatch.setenv("PATH", nodes.environment["PATH"])
    monkeypatch.setenv("HASHBENCH_RUNS", str(folder))
    monkeypatch.setenv("HASHBENCH_DATA", str(data_dir))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    catalog.forget_looks()
    return folder


def test_two_runs_in_one_job_are_watched_to_their_end(run_main: Command, runs: Path) -> None:
    code, out, err = run_main(*RUN, "-s", "0,1", "--per-job", "2")
    assert code == 0, out + err
    first, second = layout.find(runs)
    assert [status(one).state for one in (first, second)] == [Status.FINISHED] * 2
    kept, other = job.read(first), job.read(second)
    assert kept is not None
    assert other is not None
    assert kept.id == other.id
    output = (Path(kept.kept) / f"{kept.id}.log").read_text()
    assert f"{first.id}: exit code 0" in output
    assert f"Slurm job {kept.id}" in first.events.read_text()
    assert "audit of" in out


def test_a_job_that_waits_says_why_is_held_released_and_stopped(
    run_main: Command, runs: Path
) -> None:
    (runs / "slurm.toml").write_text('sbatch = ["--begin=now+1hour"]\n')
    assert run_main(*RUN, "--detach")[0] == 0
    (run,) = layout.find(runs)
    assert status(run).doing == "waits in Slurm: BeginTime"
    assert run_main("pause", run.id)[0] == 0
    assert status(run).doing == "held in Slurm"
    assert run_main("resume", run.id)[0] == 0
    assert status(run).state is Status.QUEUED
    assert "waits in Slurm" in run_main("queue")[1]
    code, _, err = run_main("stop", run.id)
    assert code == 0, err
    assert status(run).reason == "asked to stop while its job waited"


def test_what_slurm_refuses_is_said_in_its_words(run_main: Command, runs: Path) -> None:
    (runs / "slurm.toml").write_text('partition = "none-of-that-name"\n')
    code, _, err = run_main(*RUN, "--detach")
    assert code == 2
    assert "Slurm refuses the job" in err
    assert "nvalid partition" in err
