"""The batch script of a submission: readable, kept in the runs folder, and safe for odd paths."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from hashbench.clusters.base import EXIT_AGAIN, EXIT_BUSY, MARKER, worker_command
from hashbench.clusters.slurm_options import SlurmOptions

JOB_NAME = "hashbench"
SECRET = "HASHBENCH_ON_FINISH"  # noqa: S105  # may hold a webhook's address; runs keep their own
VARIABLES = "HASHBENCH_"
_EXPANDED = ("$run", "Slurm job $job")  # words that the shell fills in

_BODY = """\
# the number of an array's last job is that of the whole array, so that its name is used
job=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}
limit= ended= worker= signalled=
send() {{ signalled=1; if [ -n "$worker" ]; then kill -s "$1" "$worker" 2>/dev/null; fi; }}
trap 'limit=1; send USR1' USR1  # Slurm, some time before the time limit
trap 'ended=1; send TERM' TERM  # scancel, scontrol requeue, or a job of more priority
trap 'send KILL' USR2           # hashbench kill

# a script that was left behind on a node that is cut off has no say in its job any more
current() {{
  restarts=$(scontrol show job "$job" | grep -o 'Restarts=[0-9]*')
  [ -z "$restarts" ] || [ "$restarts" = "Restarts=${{SLURM_RESTART_COUNT:-0}}" ]
}}

requeue() {{
  if ! current; then exit 0; fi
  if [ "${{SLURM_RESTART_COUNT:-0}}" -ge {max_requeues} ]; then
    echo "hashbench: was requeued {max_requeues} times (max_requeues), so it ends here"
    exit 1
  fi
  echo "hashbench: goes back into the queue: $1"
  scontrol requeue "$job" || exit 1
  exit 0
}}

runs={runs}
cd {cwd} 2>/dev/null || cd "$runs" || exit 1
export OMP_NUM_THREADS="${{OMP_NUM_THREADS:-${{SLURM_CPUS_PER_TASK:-${{SLURM_CPUS_ON_NODE:-1}}}}}}"
{variables}{setup}
# the lines of the list that are this job's: {per_job} of them, counted from 1
first=$(( ${{SLURM_ARRAY_TASK_ID:-0}} * {per_job} + 1 ))
for id in $(sed -n "$first,$(( first + {per_job} - 1 ))p" {list}); do
  run=$runs/$id
  read -r name code 2>/dev/null < "$run/{marker}" || name= code=
  if [ "$name" = "$job" ] && [ "$code" -lt 128 ]; then
    continue  # this job was through with it before it was requeued; 128 and more: it was killed
  fi
  if [ -n "$ended" ]; then exit 0; fi
  if [ -n "$limit" ]; then requeue "its time limit comes"; fi
  rm -f "$run/{marker}"
  ( exec {command} ) >> "$run/worker.log" 2>&1 < /dev/null &
  worker=$!
  code=127
  while :; do
    signalled=
    wait "$worker"
    got=$?
    if [ "$got" -ne 127 ]; then code=$got; fi  # 127: the worker was waited for before
    if [ -z "$signalled" ]; then break; fi     # else a signal ended the wait, not the worker
  done
  worker=
  echo "hashbench: $id: exit code $code"
  if [ -n "$ended" ]; then exit 0; fi
  case $code in
    {again}) requeue "its time limit comes" ;;
    {busy}) requeue "another worker holds $id" ;;
    # USR1 while it started: it had no time to save, and no need
    138) if [ -n "$limit" ]; then requeue "its time limit comes"; fi ;;
  esac
  if ! current; then exit 0; fi
  echo "$job $code" > "$run/{marker}"
done
"""


def script(
    options: SlurmOptions,
    runs: int,
    runs_dir: Path,
    data_dir: Path,
    listed: Path,
    *,
    python: str,
    cwd: Path,
    environment: Mapping[str, str],
) -> bytes:
    """The script for so many runs, whose ids are the lines of the file `listed`."""
    jobs = -(-runs // options.per_job)
    words = worker_command(
        options.python or python, "$run", os.fspath(data_dir), "Slurm job $job",
        options.wait_seconds,
    )  # fmt: skip
    command = " ".join(f'"{word}"' if word in _EXPANDED else shlex.quote(word) for word in words)
    body = _BODY.format(
        max_requeues=options.max_requeues,
        runs=shlex.quote(os.fspath(runs_dir)),
        cwd=shlex.quote(os.fspath(cwd)),
        variables="".join(
            f"export {name}={shlex.quote(value)}\n" for name, value in _kept(environment).items()
        ),
        setup="".join(f"{line}\n" for line in options.setup),
        per_job=options.per_job,
        list=shlex.quote(os.fspath(listed)),
        command=command,
        marker=MARKER,
        again=EXIT_AGAIN,
        busy=EXIT_BUSY,
    )
    return os.fsencode("\n".join([*_head(options, jobs, runs), "", body]))


def _head(options: SlurmOptions, jobs: int, runs: int) -> list[str]:
    limit = f"%{options.max_jobs}" if options.max_jobs else ""
    wanted = {
        "partition": options.partition,
        "account": options.account,
        "gres": options.gres,
        "time": options.time,
        "array": f"0-{jobs - 1}{limit}" if jobs > 1 else "",
    }
    return [
        "#!/bin/bash",
        f"# Written by hashbench. Runs: {runs}, in one job: {options.per_job}",
        f"#SBATCH --job-name={JOB_NAME}",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        # a signal of its own, since TERM is what scancel sends: a cancelled job is not requeued
        f"#SBATCH --signal=B:USR1@{options.save_seconds}",
        *(f"#SBATCH --{name}={value}" for name, value in wanted.items() if value),
        *(f"#SBATCH {line}" for line in options.sbatch),
    ]


def _kept(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of hashbench, which a site may keep sbatch from handing on."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(VARIABLES) and name.isidentifier() and name != SECRET
    }
