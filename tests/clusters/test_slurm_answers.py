"""What Slurm's commands answer, of the versions 20 to 24, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.clusters import catalog, slurm
from hashbench.clusters.base import Submission
from hashbench.clusters.slurm_options import SlurmOptions
from hashbench.errors import InputError
from tests.clusters.fake_slurm import FakeSlurm

QUEUE = """\
12|RUNNING|n1|None
13_0|PENDING||Resources
13_1|PENDING||ReqNodeNotAvail, UnavailableNodes:n[1-2]|odd
14|PENDING||JobHeldUser
15|COMPLETING|n2|None
16|CANCELLED|n2|None
17|TIMEOUT|n2|TimeLimit
18|PENDING||(null)
slurm_load_jobs error: something
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    catalog.forget_looks()
    return FakeSlurm(tmp_path / "bin", monkeypatch)


def test_lines_of_squeue_become_states() -> None:
    jobs = slurm.parse_squeue(QUEUE)
    assert {job: str(one.state) for job, one in jobs.items()} == {
        "12": "running", "13_0": "waiting", "13_1": "waiting", "14": "held", "15": "running",
        "16": "ended", "17": "ended", "18": "waiting",
    }  # fmt: skip
    assert jobs["12"].place == "n1"
    assert jobs["13_1"].reason == "ReqNodeNotAvail, UnavailableNodes:n[1-2]|odd"
    assert jobs["17"].reason == "TIMEOUT, TimeLimit"
    assert jobs["18"].reason == ""
    assert slurm.parse_squeue("") == {}


def test_one_question_serves_all_jobs_for_a_while(
    fake: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.tell("queue", QUEUE)
    for job, state in (("12", "running"), ("13_0", "waiting"), ("99", "ended")):
        said, problem = catalog.look("slurm", job, submitted=0.0)
        assert said is not None
        assert (str(said.state), problem) == (state, "")
    assert len(fake.calls("squeue")) == 1
    monkeypatch.setattr(catalog, "LOOK_SECONDS", 0.0)
    catalog.look("slurm", "12", submitted=0.0)
    assert len(fake.calls("squeue")) == 2


def test_a_job_younger_than_the_answer_is_not_taken_for_lost(fake: FakeSlurm) -> None:
    said, _ = catalog.look("slurm", "20", submitted=4e9)
    assert said == catalog.JUST_SUBMITTED


def test_a_slurm_that_is_silent_is_asked_rarely_and_says_why(
    fake: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.tell("silence", "error: x\nslurm_load_jobs error: Unable to contact slurm controller")
    for _ in range(3):
        said, problem = catalog.look("slurm", "12", submitted=0.0)
        assert said is None
        assert "Unable to contact slurm controller" in problem
    assert len(fake.calls("squeue")) == 1
    catalog.forget_looks()
    (fake.folder / "silence").unlink()
    fake.tell("slow", "")
    monkeypatch.setattr(slurm, "ASK_SECONDS", 0.2)
    monkeypatch.setattr(slurm._call, "__kwdefaults__", {"cwd": None, "seconds": 0.2})
    assert "did not answer within 0.2 seconds" in catalog.look("slurm", "12", 0.0)[1]


def test_a_host_without_slurm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no command squeue on this host"):
        slurm.cluster("", None, None).jobs()
    catalog.forget_looks()
    assert "no command squeue" in catalog.look("slurm", "12", submitted=0.0)[1]


def submission(folder: Path, runs: int) -> Submission:
    kept = folder / "runs" / ".jobs" / "now"
    kept.mkdir(parents=True)
    names = [folder / "runs" / f"run{number}" for number in range(runs)]
    return Submission(names, folder / "data", kept)


def test_runs_are_shared_out_over_the_jobs_of_an_array(fake: FakeSlurm, tmp_path: Path) -> None:
    given = submission(tmp_path, 5)
    jobs = [job for _, job in slurm.Slurm(SlurmOptions(per_job=2)).submit(given)]
    assert jobs == ["1_0", "1_0", "1_1", "1_1", "1_2"]
    assert (given.folder / "runs.txt").read_text() == "run0\nrun1\nrun2\nrun3\nrun4\n"
    assert fake.calls("sbatch") == [f"sbatch --parsable --output={given.folder}/%A_%a.log job.sh"]


def test_more_jobs_than_an_array_takes_are_several_arrays(
    fake: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "ARRAY_JOBS", 2)
    given = submission(tmp_path / "100%", 5)
    jobs = [job for _, job in slurm.Slurm(SlurmOptions()).submit(given)]
    assert jobs == ["1_0", "1_1", "2_0", "2_1", "3"]
    assert (given.folder / "runs-3.txt").read_text() == "run4\n"
    assert f"--output={tmp_path}/100%%/" in fake.calls("sbatch")[0]


def test_a_refusal_is_in_slurms_words(fake: FakeSlurm, tmp_path: Path) -> None:
    fake.tell("refusal", "sbatch: error: Batch job submission failed: Invalid partition name\n")
    with pytest.raises(InputError, match="refuses the job: .*Invalid partition name"):
        list(slurm.Slurm(SlurmOptions(), tmp_path / "my.toml").submit(submission(tmp_path, 1)))


def test_settings_of_the_shell_do_not_undo_the_script(
    fake: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbatch = fake.folder / "sbatch"
    sbatch.write_text(f"#!/bin/bash\nenv > '{fake.folder}/environment'; echo 1\n")
    monkeypatch.setenv("SBATCH_SIGNAL", "KILL@1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "9")
    monkeypatch.setenv("SBATCH_PARTITION", "mine")
    list(slurm.Slurm(SlurmOptions()).submit(submission(tmp_path, 1)))
    environment = (fake.folder / "environment").read_text()
    assert "SBATCH_PARTITION=mine" in environment
    assert "SBATCH_SIGNAL" not in environment
    assert "SLURM_ARRAY_TASK_ID" not in environment


def test_orders_to_jobs(fake: FakeSlurm) -> None:
    one = slurm.Slurm(SlurmOptions())
    one.cancel("7")
    one.cancel("7", waiting_only=True)
    one.kill("7")
    one.hold("7")
    one.release("7")
    assert fake.calls("scancel") == [
        "scancel 7", "scancel --state=PENDING 7", "scancel --batch --signal=USR2 7"
    ]  # fmt: skip
    assert fake.calls("scontrol") == ["scontrol hold 7", "scontrol release 7"]
