"""The batch script: as text, and run by bash without any Slurm."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from hashbench.clusters.base import EXIT_AGAIN, EXIT_BUSY, MARKER
from hashbench.clusters.slurm_options import SlurmOptions
from hashbench.clusters.slurm_script import script

HEAD = """\
#!/bin/bash
# Written by hashbench. Runs: 5, in one job: 2
#SBATCH --job-name=hashbench
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@90
#SBATCH --partition=gpu
#SBATCH --account=lab
#SBATCH --gres=gpu:1
#SBATCH --time=4:00:00
#SBATCH --array=0-2%4
#SBATCH --mem=16G
"""

OPTIONS = SlurmOptions(
    partition="gpu", account="lab", gres="gpu:1", time="4:00:00", max_jobs=4, per_job=2,
    sbatch=("--mem=16G",), setup=("module load cuda",), save_seconds=90,
)  # fmt: skip


def written(options: SlurmOptions, runs: int, folder: Path, python: str = "/opt/python") -> str:
    return script(
        options, runs, folder / "runs", folder / "my data", folder / "runs.txt",
        python=python, cwd=folder,
        environment={
            "HASHBENCH_CACHE": "/a b", "HASHBENCH_ON_FINISH": "webhook=https://secret", "HOME": "/",
        },
    ).decode()  # fmt: skip


def test_the_head_says_what_the_options_say(tmp_path: Path) -> None:
    text = written(OPTIONS, 5, tmp_path)
    assert text.startswith(HEAD + "\n")


def test_one_job_is_no_array_and_says_nothing_of_what_was_not_given(tmp_path: Path) -> None:
    head = written(SlurmOptions(), 1, tmp_path).partition("\n\n")[0]
    assert [line for line in head.splitlines() if line.startswith("#SBATCH")] == [
        "#SBATCH --job-name=hashbench",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
    ]


def test_words_are_quoted_and_secrets_stay(tmp_path: Path) -> None:
    text = written(OPTIONS, 5, tmp_path)
    assert f"--data-dir '{tmp_path}/my data' --job \"Slurm job $job\" --wait-for-claim 120" in text
    assert "export HASHBENCH_CACHE='/a b'\n" in text
    assert "module load cuda\n" in text
    assert "secret" not in text
    assert "HOME=" not in text


class Job:
    """A job's script with workers that are small programs: `worker` is their text in bash."""

    def __init__(self, folder: Path, worker: str, runs: int, options: SlurmOptions) -> None:
        self.folder = folder / "it's $HOME 100%"
        self.folder.mkdir()
        python = self.folder / "python"
        # $3 is the run's folder: python -m hashbench.engine RUN
        note = f'run=$3\necho "$(basename "$run")" >> \'{folder}/calls\''
        python.write_text(f"#!/bin/bash\n{note}\n{worker}")
        python.chmod(0o755)
        self.names = [f"2026-run.{number}" for number in range(runs)]
        for name in self.names:
            (self.folder / "runs" / name).mkdir(parents=True)
        (self.folder / "runs.txt").write_text("".join(f"{name}\n" for name in self.names))
        (self.folder / "job.sh").write_text(written(options, runs, self.folder, str(python)))
        scontrol = folder / "scontrol"
        scontrol.write_text(
            "#!/bin/bash\n"
            # by its number the last job of an array is the whole array
            'if [ "$1" = show ] && [ "$3" = 71 ] && [ -n "$SLURM_ARRAY_TASK_ID" ]; then\n'
            '  echo "Restarts=5"; echo "Restarts=6"\n'
            'elif [ "$1" = show ]; then echo "JobId=71 Requeue=1 Restarts=${NOW:-0} Batch=1"\n'
            f"else echo \"$*\" >> '{folder}/requeued'; fi\n"
        )
        scontrol.chmod(0o755)
        self.base = folder

    def start(
        self, task: int | None = 0, restarts: int = 0, now: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts the script of a job that was requeued `restarts` times, and `now` times by now."""
        values = {"SLURM_JOB_ID": "71", "SLURM_RESTART_COUNT": str(restarts)}
        values["NOW"] = str(restarts if now is None else now)
        if task is not None:
            values |= {"SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": str(task)}
        return subprocess.Popen(
            ["bash", self.folder / "job.sh"],
            env={"PATH": f"{self.base}:/usr/bin:/bin", **values},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, task: int | None = 0, restarts: int = 0, now: int | None = None) -> int:
        process = self.start(task, restarts, now)
        self.output = process.communicate(timeout=30)[0].decode()
        return process.returncode

    def called(self) -> list[str]:
        path = self.base / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def requeued(self) -> list[str]:
        path = self.base / "requeued"
        return path.read_text().splitlines() if path.exists() else []

    def marker(self, number: int) -> str:
        path = self.folder / "runs" / self.names[number] / MARKER
        return path.read_text().strip() if path.exists() else ""

    def signal(self, *numbers: signal.Signals) -> int:
        process = self.start()
        until = time.monotonic() + 20
        while not self.called() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.3)  # the worker's own traps
        for number in numbers:
            process.send_signal(number)
        self.output = process.communicate(timeout=30)[0].decode()
        return process.returncode


def test_each_job_of_an_array_does_its_share_in_order(tmp_path: Path) -> None:
    job = Job(tmp_path, "exit 0", 5, OPTIONS)
    assert job.run(0) == 0
    assert job.run(2) == 0
    assert job.called() == [job.names[number] for number in (0, 1, 4)]
    assert [job.marker(number) for number in range(5)] == ["70_0 0", "70_0 0", "", "", "70_2 0"]
    assert job.requeued() == []


def test_a_worker_that_fails_keeps_no_other_run_from_its_turn(tmp_path: Path) -> None:
    job = Job(tmp_path, "[ ${run: -1} = 0 ] && kill -KILL $$; exit 0", 2, SlurmOptions(per_job=2))
    assert job.run(None) == 0
    assert [job.marker(0), job.marker(1)] == ["71 137", "71 0"]


def test_a_python_that_is_not_there_is_in_the_log(tmp_path: Path) -> None:
    job = Job(tmp_path, "", 1, SlurmOptions())
    (job.folder / "python").unlink()
    assert job.run(None) == 0
    assert job.marker(0) == "71 127"
    log = (job.folder / "runs" / job.names[0] / "worker.log").read_text()
    assert "No such file" in log or "not found" in log


WORKER = f"trap 'exit {EXIT_AGAIN}' USR1 TERM\nfor i in $(seq 100); do sleep 0.1; done"


def test_before_the_time_limit_the_worker_saves_and_the_job_goes_back(tmp_path: Path) -> None:
    job = Job(tmp_path, WORKER, 2, SlurmOptions(per_job=2))
    assert job.signal(signal.SIGUSR1) == 0
    assert job.requeued() == ["requeue 70_0"]
    assert job.called() == job.names[:1]  # the second run begins when the job comes again
    assert job.marker(0) == ""


def test_a_cancelled_job_saves_and_does_not_go_back(tmp_path: Path) -> None:
    job = Job(tmp_path, WORKER, 2, SlurmOptions(per_job=2))
    assert job.signal(signal.SIGTERM) == 0
    assert job.requeued() == []
    assert job.called() == job.names[:1]


def test_kill_ends_the_worker_alone(tmp_path: Path) -> None:
    worker = f"[ ${{run: -1}} = 1 ] && exit 0\n{WORKER}"
    job = Job(tmp_path, worker, 2, SlurmOptions(per_job=2))
    assert job.signal(signal.SIGUSR2) == 0
    assert [job.marker(0), job.marker(1)] == ["70_0 137", "70_0 0"]
    assert job.requeued() == []


def test_a_run_that_another_worker_holds_is_tried_again_later(tmp_path: Path) -> None:
    job = Job(tmp_path, f"exit {EXIT_BUSY}", 1, SlurmOptions())
    assert job.run() == 0
    assert job.requeued() == ["requeue 70_0"]
    assert job.marker(0) == ""


@pytest.mark.parametrize("code", [EXIT_AGAIN, EXIT_BUSY, 137])
def test_a_script_that_was_left_behind_has_no_say_in_its_job(tmp_path: Path, code: int) -> None:
    job = Job(tmp_path, f"exit {code}", 2, SlurmOptions(per_job=2))
    assert job.run(now=1) == 0
    assert job.requeued() == []
    assert job.marker(0) == ""
    assert job.called() == job.names[:1]


def test_a_worker_that_was_killed_gets_another_try_when_its_job_comes_again(
    tmp_path: Path,
) -> None:
    job = Job(tmp_path, "exit 0", 1, SlurmOptions())
    (job.folder / "runs" / job.names[0] / MARKER).write_text("70_0 137\n")
    assert job.run(restarts=1) == 0
    assert job.marker(0) == "70_0 0"


def test_a_job_that_comes_again_leaves_out_what_it_was_through_with(tmp_path: Path) -> None:
    job = Job(tmp_path, "exit 0", 2, SlurmOptions(per_job=2))
    (job.folder / "runs" / job.names[0] / MARKER).write_text("70_0 0\n")
    (job.folder / "runs" / job.names[1] / MARKER).write_text("69_0 0\n")  # an earlier job's
    assert job.run() == 0
    assert job.called() == job.names[1:]


@pytest.mark.parametrize(("restarts", "code"), [(1, 0), (2, 1)])
def test_a_job_goes_back_so_many_times(tmp_path: Path, restarts: int, code: int) -> None:
    job = Job(tmp_path, f"exit {EXIT_AGAIN}", 1, SlurmOptions(max_requeues=2))
    assert job.run(restarts=restarts) == code
    assert len(job.requeued()) == 1 - code
    assert ("max_requeues" in job.output) is bool(code)
