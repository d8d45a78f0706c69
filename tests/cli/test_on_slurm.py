"""`--on slurm` and what people do to jobs, with commands that stand for Slurm's."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hashbench.clusters import catalog
from hashbench.runs import control, events, job, layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.writer import EventWriter
from tests.cli.conftest import Command
from tests.clusters.fake_slurm import FakeSlurm

RUN = ("run", "-m", "lsh", "--dataset", "picturebook-tiny", "--threads", "1")
STARTED = events.Started(pid=1, since=0.0, host="n1")


@pytest.fixture
def runs(tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("HASHBENCH_DATA", str(data_dir))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "runs"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    catalog.forget_looks()
    return FakeSlurm(tmp_path / "bin", monkeypatch)


def queue(fake: FakeSlurm, text: str) -> None:
    fake.tell("queue", text)
    catalog.forget_looks()


def only(runs: Path) -> RunFolder:
    (run,) = layout.find(runs)
    return run


def test_a_grid_becomes_an_array(run_main: Command, runs: Path, fake: FakeSlurm) -> None:
    code, out, err = run_main(*RUN, "-s", "0-4", "--on", "slurm", "--per-job", "2", "--detach")
    assert code == 0
    folders = layout.find(runs)
    assert out.split() == [folder.id for folder in folders]
    assert "submitted to Slurm: 5 runs in jobs 1_0 to 1_2" in err
    jobs = [job.read(folder) for folder in folders]
    assert [one.id for one in jobs if one] == ["1_0", "1_0", "1_1", "1_1", "1_2"]
    assert jobs[0] is not None
    assert (Path(jobs[0].kept) / "job.sh").is_file()
    assert jobs[0].kept.startswith(str(runs / ".jobs"))


def test_mistakes_are_found_before_a_run_is_made(
    run_main: Command, runs: Path, fake: FakeSlurm, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("partitoin = 'x'")
    for words, told in (
        (("--on", "slrum"), "did you mean slurm?"),
        (("--on", "slurm", "--cluster", str(bad)), "bad.toml"),
        (("--on", "slurm", "--cluster", str(tmp_path / "none.toml")), "does not exist"),
        (("--on", "slurm", "--queue"), "has a queue of its own"),
        (("--on", "slurm", "--per-job", "0"), "--per-job"),
        (("--per-job", "2"), "--on slurm"),
        (("--on", "slurm", "--track", "tensorboard"), "hashbench export RUN --to tensorboard"),
    ):
        code, _, err = run_main(*RUN, *words)
        assert (code, told in err) == (2, True), err
    assert not runs.exists() or layout.find(runs) == []
    assert fake.calls("sbatch") == []


def test_a_refusal_of_slurm_is_one_message(run_main: Command, runs: Path, fake: FakeSlurm) -> None:
    fake.tell("refusal", "sbatch: error: Invalid account")
    code, _, err = run_main(*RUN, "--on", "slurm", "--detach")
    assert code == 2
    assert "Slurm refuses the job: sbatch: error: Invalid account" in err
    assert job.read(only(runs)) is None


def test_a_host_without_slurm_is_one_message(
    run_main: Command, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = run_main(*RUN, "--on", "slurm", "--detach")
    assert code == 2
    assert "no command sbatch on this host" in err


def test_queue_show_and_ls_say_what_slurm_says(
    run_main: Command, runs: Path, fake: FakeSlurm
) -> None:
    run_main(*RUN, "-s", "0,1", "--on", "slurm", "--detach")
    queue(fake, "1_0|RUNNING|n1|None\n1_1|PENDING||Priority\n")
    first, second = layout.find(runs)
    with EventWriter(first.events) as writer:
        writer.write(STARTED)
    _, out, _ = run_main("queue")
    assert "loading on n1" in out
    assert "waits in Slurm: Priority" in out
    _, out, _ = run_main("queue", "--json")
    rows = json.loads(out)["jobs"]
    assert [(row["job"], row["scheduler state"]) for row in rows] == [
        ("1_0", "running"), ("1_1", "waiting")
    ]  # fmt: skip
    _, out, _ = run_main("show", second.id)
    assert "waits in Slurm: Priority" in out
    _, out, _ = run_main("ls", "--json")
    assert [row["status"] for row in json.loads(out)] == ["running", "queued"]
    assert len(fake.calls("squeue")) == 1  # one question for all of it


def test_stop_of_a_waiting_job_cancels_it(run_main: Command, runs: Path, fake: FakeSlurm) -> None:
    run_main(*RUN, "--on", "slurm", "--detach")
    run = only(runs)
    queue(fake, "1|PENDING||Priority\n")
    fake.tell("after_scancel", "1|CANCELLED||None\n")
    code, _, err = run_main("stop", run.id)
    assert code == 0, err
    assert fake.calls("scancel") == ["scancel --state=PENDING 1"]
    current = status(run)
    assert (current.state, current.reason) == (
        Status.STOPPED, "asked to stop while its job waited"
    )  # fmt: skip
    # it goes on where it was
    code, out, err = run_main("resume", run.id, "--detach")
    assert (code, out.strip()) == (0, run.id), err
    again = job.read(run)
    assert again is not None
    assert again.id == "2"
    assert control.read(run) is None
    queue(fake, "2|PENDING||Priority\n")
    assert status(run).state is Status.QUEUED


def test_stop_in_a_job_of_several_takes_one_out_of_it(
    run_main: Command, runs: Path, fake: FakeSlurm
) -> None:
    run_main(*RUN, "-s", "0,1", "--on", "slurm", "--per-job", "2", "--detach")
    queue(fake, "1|PENDING||Priority\n")
    first, second = layout.find(runs)
    assert run_main("stop", first.id)[0] == 0
    assert fake.calls("scancel") == []
    assert control.read(first) == "stop"
    code, _, err = run_main("pause", second.id)
    assert code == 0, err  # the only one of its job that is left
    assert run_main("stop", second.id)[0] == 0
    assert fake.calls("scancel") == ["scancel --state=PENDING 1"]


def test_pause_holds_and_resume_releases(run_main: Command, runs: Path, fake: FakeSlurm) -> None:
    run_main(*RUN, "--on", "slurm", "--detach")
    run = only(runs)
    queue(fake, "1|PENDING||Priority\n")
    assert run_main("pause", run.id)[0] == 0
    queue(fake, "1|PENDING||JobHeldUser\n")
    assert status(run).state is Status.PAUSED
    assert run_main("resume", run.id)[0] == 0
    assert fake.calls("scontrol") == ["scontrol hold 1", "scontrol release 1"]


def test_kill_and_stop_of_a_worker_that_runs(
    run_main: Command, runs: Path, fake: FakeSlurm
) -> None:
    run_main(*RUN, "--on", "slurm", "--detach")
    run = only(runs)
    queue(fake, "1|RUNNING|n1|None\n")
    code, _, err = run_main("kill", run.id, "--yes")
    assert code == 2
    assert "no worker to kill" in err
    with EventWriter(run.events) as writer:
        writer.write(STARTED)
    assert run_main("stop", run.id)[0] == 0
    assert control.read(run) == "stop"
    assert run_main("kill", run.id, "--yes")[0] == 0
    assert fake.calls("scancel") == ["scancel --batch --signal=USR2 1"]


def test_a_run_with_a_job_is_not_started_twice(
    run_main: Command, runs: Path, fake: FakeSlurm
) -> None:
    run_main(*RUN, "--on", "slurm", "--detach")
    run = only(runs)
    queue(fake, "1|PENDING||Priority\n")
    for words in (("--on", "local"), ("--queue",), ()):
        code, _, err = run_main("resume", run.id, "--detach", *words)
        assert code == 3, err
    fake.tell("silence", "Unable to contact slurm controller")
    catalog.forget_looks()
    code, _, err = run_main("resume", run.id, "--on", "local", "--detach")
    assert code == 3
    assert "Slurm does not answer" in err
    assert "job.json" in err  # the way out
    assert job.read(run) is not None
    assert run_main("rm", run.id, "--yes")[0] == 3


def test_a_lost_job_is_submitted_again_and_only_what_is_due_of_a_sweep(
    run_main: Command, runs: Path, fake: FakeSlurm, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep.toml"
    sweep.write_text(
        '[base]\ndataset = "picturebook-tiny"\nthreads = 1\n'
        '[[grid]]\nmethod = "lsh"\nbits = [8, 16]\n'
    )
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "slurm.toml").write_text('time = "5"\nmax_jobs = 1\n')
    assert run_main("sweep", str(sweep), "--on", "slurm", "--detach")[0] == 0
    script = next((runs / ".jobs").glob("*/job.sh")).read_text()
    assert "#SBATCH --time=5\n" in script
    assert "#SBATCH --array=0-1%1\n" in script
    queue(fake, "1_0|PENDING||Priority\n1_1|CANCELLED||None\n")
    assert {one.id: status(run).state for run in layout.find(runs) if (one := job.read(run))} == {
        "1_0": Status.QUEUED, "1_1": Status.LOST
    }  # fmt: skip
    code, out, err = run_main("sweep", str(sweep), "--on", "slurm", "--detach")
    assert code == 0, err
    assert "1 to start" in out
    assert {one.id for run in layout.find(runs) if (one := job.read(run))} == {"1_0", "2"}


def test_watching_shows_why_a_job_waits_and_how_it_ended(
    run_main: Command, runs: Path, fake: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the first answer comes before the job is known, the second after it failed
    squeue = fake.folder / "squeue"
    first, then = "1|PENDING||Priority", "1|FAILED|n1|NonZeroExitCode"
    squeue.write_text(
        f"#!/bin/bash\ncd '{fake.folder}'\n"
        f"if mkdir asked 2>/dev/null; then echo '{first}'; else echo '{then}'; fi\n"
    )
    monkeypatch.setattr(catalog, "LOOK_SECONDS", 0.5)
    code, out, _ = run_main(*RUN, "--on", "slurm")
    assert code == 5
    assert "waits in Slurm: Priority" in out
    assert "Slurm job 1 ended before the run did (FAILED, NonZeroExitCode)" in out
    assert "hashbench resume" in out


def test_ctrl_c_leaves_the_jobs_and_says_how_to_stop_them(
    run_main: Command, runs: Path, fake: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashbench.cli import watch

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    # the watcher's own clock: a slow `sbatch` is waited for with the common one
    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=interrupt, monotonic=time.monotonic))
    queue(fake, "1|PENDING||Priority\n")
    code, _, err = run_main(*RUN, "--on", "slurm")
    assert code == 130
    assert f"to stop them: hashbench stop {only(runs).id}" in err
    assert fake.calls("scancel") == []
    assert control.read(only(runs)) is None
