"""Ray: each run is a task, held by a detached actor of the cluster (`ray_keeper`).

Ray itself is loaded only by the process that talks to the cluster (`ray_agent`), which is started
when it is needed and ends by itself soon after.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from hashbench.clusters import ray_options
from hashbench.clusters.base import (
    Cluster,
    JobState,
    JobStatus,
    SchedulerSilentError,
    Submission,
)
from hashbench.clusters.ray_options import RayOptions
from hashbench.errors import InputError

CONNECT_SECONDS = 60.0
ANSWER_SECONDS = 60.0
HERE = "auto"
"""The cluster that this host is a node of."""

_EXTRA = "pip install 'hashbench[ray]'"
_HANDED_ON = ("HASHBENCH_", "PYTHONPATH", "OMP_", "CUBLAS_")


@dataclass(frozen=True)
class Ray(Cluster):
    """The cluster at `address`, which `ray.init` understands."""

    name: ClassVar[str] = "ray"
    title: ClassVar[str] = "Ray"

    address: str
    options: RayOptions
    file: Path | None = None

    @property
    def options_file(self) -> Path | None:
        """See `Cluster`."""
        return self.file

    def submit(self, submission: Submission) -> Iterator[tuple[Path, str]]:
        """Starts a keeper in the cluster, which does the rest."""
        name = f"hashbench.{submission.folder.name}"
        plan = {
            "name": name,
            "runs": [str(run) for run in submission.runs],
            "data_dir": str(submission.data_dir),
            "folder": str(submission.folder),
            "cwd": str(Path.cwd()),
            "environment": {
                key: value for key, value in os.environ.items() if key.startswith(_HANDED_ON)
            },
            "options": msgspec.to_builtins(self.options),
        }
        content = json.dumps(plan, indent=1).encode()
        (submission.folder / "plan.json").write_bytes(content)
        self._ask({"do": "submit", "plan": plan})
        for number, run in enumerate(submission.runs):
            yield run, f"{name}.{number}"

    def jobs(self) -> Mapping[str, JobStatus]:
        """See `Cluster`; those that ended a minute ago are in it with how they ended."""
        said = self._ask({"do": "jobs"})["jobs"]
        return {
            job: JobStatus(JobState(state), state, reason, place)
            for job, (state, reason, place) in said.items()
        }

    def cancel(self, job: str, *, waiting_only: bool = False) -> None:
        """See `Cluster`."""
        self._ask({"do": "cancel", "job": job, "with": [waiting_only]})

    def kill(self, job: str) -> None:
        """See `Cluster`."""
        self._ask({"do": "kill", "job": job})

    def hold(self, job: str) -> None:
        """See `Cluster`."""
        self._ask({"do": "hold", "job": job})

    def release(self, job: str) -> None:
        """See `Cluster`."""
        self._ask({"do": "release", "job": job})

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The cluster's answer. Raises SchedulerSilentError, InputError with its words."""
        said = _agent(self.address).ask(request)
        if "silent" in said:
            raise _silent(said["silent"], self.address)
        if "refused" in said:
            raise InputError(f"Ray refuses: {said['refused']}", where=self.file or "ray.toml")
        return said


def cluster(address: str, options_file: Path | None, per_job: int | None) -> Ray:
    """Ray with the options of a file. Raises InputError for wrong options."""
    if per_job not in (None, 1):
        raise InputError(
            "each run is a task of its own in Ray, several of which share a node",
            where="--per-job",
            remedy="num_cpus or num_gpus = 0.5 in ray.toml, say",
        )
    options = ray_options.read(options_file)
    return Ray(f"ray://{address}" if address else HERE, options, options_file)


class _Agent:
    """The process that talks to one cluster."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self._lock = threading.Lock()

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer, after it was started if it does not live. Raises SchedulerSilentError."""
        with self._lock:
            for _ in range(2):  # one that was idle may end while it is asked
                process = self._connected()
                with contextlib.suppress(BrokenPipeError, EOFError):
                    return self._exchange(process, request)
                self.close()
        raise _silent("the process that talks to it ended", self._address)

    def close(self) -> None:
        """Ends the process."""
        process, self._process, self._heard = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    stream and stream.close()

    def _connected(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hashbench.clusters.ray_agent", self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True,  # Ctrl-C is for the command, not for its agent
        )
        try:
            said = self._line(CONNECT_SECONDS)
        except EOFError:
            said = {"silent": "the process that talks to it ended at once"}
        if "ready" in said:
            return self._process
        self.close()
        if "missing" in said:
            raise InputError(
                f"Ray is not installed ({said['missing']})", where="--on ray", remedy=_EXTRA
            )
        raise _silent(said["silent"], self._address)

    def _exchange(
        self, process: subprocess.Popen[bytes], request: Mapping[str, Any]
    ) -> dict[str, Any]:
        if process.stdin is None:
            raise EOFError
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return self._line(ANSWER_SECONDS)

    def _line(self, seconds: float) -> dict[str, Any]:
        """The next answer. Raises EOFError where the process has ended."""
        until = time.monotonic() + seconds
        while b"\n" not in self._heard:
            left = until - time.monotonic()
            stream = None if self._process is None else self._process.stdout
            if stream is None or left <= 0 or not select.select([stream], [], [], left)[0]:
                self.close()
                raise _silent(f"it did not answer within {seconds:g} seconds", self._address)
            content = os.read(stream.fileno(), 1 << 16)
            if not content:
                raise EOFError
            self._heard += content
        line, _, self._heard = self._heard.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said


_agents: dict[str, _Agent] = {}


def _agent(address: str) -> _Agent:
    """The one agent of this process for a cluster."""
    if address not in _agents:
        _agents[address] = _Agent(address)
        atexit.register(_agents[address].close)
    return _agents[address]


def _silent(problem: str, address: str) -> SchedulerSilentError:
    where = "the cluster of this host" if address == HERE else address
    return SchedulerSilentError(
        f"Ray does not answer: {problem}",
        where=where,
        remedy="`ray status` on a node of the cluster shows whether it is well; "
        "--on ray://HOST:10001 names one that this host is not part of",
    )
