"""What a run's status is when a job is to do it: the scheduler decides, never a pid."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.clusters import catalog
from hashbench.clusters.base import MARKER
from hashbench.files import locks
from hashbench.plan.spec import DatasetSpec, RunSpec, to_toml
from hashbench.runs import events, job, state_reader
from hashbench.runs import status as statuses
from hashbench.runs.job import Job
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import RunStatus
from hashbench.runs.writer import EventWriter, last_number
from tests.clusters.fake_slurm import FakeSlurm

WORKER = events.Started(pid=1, since=0.0, host="n1")  # a pid that lives on this host, too


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    return FakeSlurm(tmp_path / "bin", monkeypatch)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    spec = RunSpec(method="lsh", bits=(16,), dataset=DatasetSpec("picturebook-tiny", 60, 200))
    folder = RunFolder(tmp_path / "20260101-000000-lsh")
    folder.path.mkdir()
    folder.spec.write_text(to_toml(spec))
    return folder


def submitted(run: RunFolder, **values: str) -> None:
    after = last_number(run.events)
    job.write(
        run, Job(on="slurm", id="7", submitted=1.0, after=after, kept="/runs/.jobs/x", **values)
    )


def told(run: RunFolder, *happened: events.AnyEvent) -> None:
    with EventWriter(run.events) as writer:
        for event in happened:
            writer.write(event)


def status(run: RunFolder, fake: FakeSlurm, queue: str) -> RunStatus:
    fake.tell("queue", queue)
    catalog.forget_looks()
    return statuses.status(run)


def test_a_job_that_waits_says_why(run: RunFolder, fake: FakeSlurm) -> None:
    submitted(run)
    current = status(run, fake, "7|PENDING||Resources\n")
    assert (current.state, current.doing) == (Status.QUEUED, "waits in Slurm: Resources")
    assert (current.job_lives, current.worker_lives) == (True, False)
    held = status(run, fake, "7|PENDING||JobHeldUser\n")
    assert (held.state, held.doing) == (Status.PAUSED, "held in Slurm")


def test_a_job_that_runs_is_judged_by_slurm_not_by_silence(run: RunFolder, fake: FakeSlurm) -> None:
    submitted(run)
    begins = status(run, fake, "7|RUNNING|n1|None\n")
    assert (begins.state, begins.doing) == (Status.QUEUED, "its turn comes in Slurm job 7")
    told(run, WORKER)
    works = status(run, fake, "7|RUNNING|n1|None\n")
    assert (works.state, works.worker_lives, works.doing) == (Status.RUNNING, True, "loading")


@pytest.mark.parametrize("queue", ["", "7|TIMEOUT|n1|TimeLimit\n"])
def test_a_job_that_is_gone_before_the_runs_end_is_lost(
    run: RunFolder, fake: FakeSlurm, queue: str
) -> None:
    submitted(run)
    told(run, WORKER)
    current = status(run, fake, queue)
    assert current.state is Status.LOST
    assert not current.job_lives
    assert current.reason.startswith("Slurm job 7 ended before the run did")
    assert ("TIMEOUT" in current.reason) is bool(queue)
    assert "hashbench resume" in current.remedy


def test_a_job_that_never_began_its_run_points_to_its_output(
    run: RunFolder, fake: FakeSlurm
) -> None:
    submitted(run)
    current = status(run, fake, "7|FAILED|n1|NonZeroExitCode\n")
    assert current.state is Status.LOST
    assert "/runs/.jobs/x" in current.remedy


def test_a_job_that_ends_a_run_and_waits_again_is_queued(run: RunFolder, fake: FakeSlurm) -> None:
    submitted(run)
    told(run, WORKER, events.Stopped(reason="the time limit", again=True))
    assert status(run, fake, "7|PENDING||BeginTime\n").state is Status.QUEUED
    assert status(run, fake, "7|RUNNING|n2|None\n").state is Status.QUEUED
    told(run, WORKER)
    assert status(run, fake, "7|RUNNING|n2|None\n").state is Status.RUNNING
    told(run, events.Stopped(reason="cancelled", again=True))
    assert status(run, fake, "").state is Status.STOPPED


def test_ends_count_whatever_the_job_does(run: RunFolder, fake: FakeSlurm) -> None:
    submitted(run)
    told(run, WORKER, events.Stopped(reason="asked to stop"))
    assert status(run, fake, "7|RUNNING|n1|None\n").state is Status.STOPPED
    told(run, WORKER, events.Finished(seconds=1.0))
    run.result.write_text("{}")
    calls = len(fake.calls("squeue"))
    assert status(run, fake, "7|RUNNING|n1|None\n").state is Status.FINISHED
    assert len(fake.calls("squeue")) == calls  # nobody need be asked


def test_the_end_of_earlier_work_is_not_that_of_a_new_job(run: RunFolder, fake: FakeSlurm) -> None:
    told(run, WORKER, events.Failed(reason="no memory"))
    submitted(run)
    assert status(run, fake, "7|PENDING||Priority\n").state is Status.QUEUED
    assert status(run, fake, "7|RUNNING|n1|None\n").state is Status.QUEUED


def test_a_job_of_several_runs_may_be_through_with_this_one(
    run: RunFolder, fake: FakeSlurm
) -> None:
    submitted(run)
    told(run, WORKER)
    (run.path / MARKER).write_text("6 0\n")  # of an earlier job
    assert status(run, fake, "7|RUNNING|n1|None\n").state is Status.RUNNING
    (run.path / MARKER).write_text("7 137\n")
    current = status(run, fake, "7|RUNNING|n1|None\n")
    assert current.state is Status.LOST
    assert "exit code 137" in current.reason
    with locks.held(run.lock):  # the word of a script that was left behind
        assert status(run, fake, "7|RUNNING|n2|None\n").state is Status.RUNNING


def test_where_slurm_does_not_answer_nothing_is_lost(run: RunFolder, fake: FakeSlurm) -> None:
    submitted(run)
    told(run, WORKER)
    fake.tell("silence", "Unable to contact slurm controller (connect failure)")
    current = status(run, fake, "")
    assert current.state is Status.RUNNING
    assert current.doing.startswith("Slurm does not answer")
    assert current.job_lives


def test_a_job_of_another_user_that_slurm_hides_is_not_lost_while_it_beats(
    run: RunFolder, fake: FakeSlurm
) -> None:
    submitted(run, user="somebody-else")
    told(run, WORKER)
    assert status(run, fake, "").state is Status.RUNNING
    later = statuses.status_of(run, state_reader.read_state(run.events), {}, now=4e9)
    assert later.state is Status.LOST


def test_a_damaged_job_file_is_none(run: RunFolder) -> None:
    (run.path / job.FILE).write_text("{")
    assert job.read(run) is None
    assert statuses.status(run).state is Status.QUEUED
