"""What lives in a Ray cluster: a keeper for each submission, and a task for each of its runs.

The keeper is a detached actor, which outlives whoever submitted and asks for no processor. It hands
the runs to Ray as tasks, hands those that were asked to leave in again, answers for them, and ends
when they have ended. It lives on the head, without which there is no cluster. When its process
dies, its tasks do, and Ray starts it anew: it then hands in what has not ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import ray

from hashbench.clusters.base import EXIT_AGAIN, EXIT_BUSY, MARKER, JobState, worker_command
from hashbench.clusters.ray_options import RayOptions
from hashbench.files.atomic import write_bytes_atomically

NAMESPACE = "hashbench"
BEAT_SECONDS = 1.0
QUIET_SECONDS = 30.0
"""A task that has not said for so long that it runs has lost its node and waits for another."""
LINGER_SECONDS = 60.0
"""How long a keeper whose runs have ended still says how."""
AGAIN_SECONDS = 2.0


class Plan(msgspec.Struct, frozen=True):
    """A submission: its `name`, and all that its tasks need to know."""

    name: str
    runs: list[str]
    data_dir: str
    folder: str
    cwd: str
    environment: dict[str, str]
    options: RayOptions

    def job(self, number: int) -> str:
        """The id of a run's job."""
        return f"{self.name}.{number}"


@dataclass
class _Task:
    """A run on its way. `ref` is Ray's, None while it is not handed in."""

    number: int
    run: str
    state: JobState = JobState.WAITING
    ref: Any = None
    place: str = ""
    reason: str = ""
    again: int = 0
    not_before: float = 0.0
    beat: float = field(default_factory=time.monotonic)
    cancelled: bool = False


class Keeper:
    """The actor. Its methods are called from elsewhere; a thread does the work."""

    def __init__(self, plan: bytes) -> None:
        self.plan = msgspec.json.decode(plan, type=Plan)
        self._lock = threading.Lock()
        self._tasks = [_Task(number, run) for number, run in enumerate(self.plan.runs)]
        for task in self._tasks:  # this keeper may be the second one
            if self._exit_code(task) is not None:
                task.state = JobState.ENDED
        threading.Thread(target=self._work, daemon=True).start()

    def states(self) -> dict[str, tuple[str, str, str]]:
        """State, reason and place of each job by its id."""
        with self._lock:
            return {self.plan.job(task.number): self._said(task) for task in self._tasks}

    def beat(self, number: int, place: str) -> None:
        """Called by a task: it runs there."""
        with self._lock:
            task = self._tasks[number]
            if task.state in (JobState.WAITING, JobState.RUNNING):
                task.state, task.place, task.beat = JobState.RUNNING, place, time.monotonic()

    def cancel(self, number: int, waiting_only: bool) -> None:
        """Ends a job: its worker saves and leaves."""
        with self._lock:
            task = self._tasks[number]
            if task.state is JobState.ENDED or (waiting_only and task.state is JobState.RUNNING):
                return
            task.cancelled = True
            _file(self.plan, "back", number).touch()
            if task.ref is not None:
                ray.cancel(task.ref)
            if task.state is not JobState.RUNNING:
                task.state, task.reason = JobState.ENDED, "cancelled"

    def kill(self, number: int) -> None:
        """Asks the task to kill its worker."""
        _file(self.plan, "kill", number).touch()

    def hold(self, number: int) -> None:
        """Takes a waiting task back."""
        with self._lock:
            task = self._tasks[number]
            if task.state is JobState.WAITING:
                _file(self.plan, "back", number).touch()
                if task.ref is not None:
                    ray.cancel(task.ref)
                task.state, task.ref = JobState.HELD, None

    def release(self, number: int) -> None:
        """Lets a held one wait for its turn again."""
        with self._lock:
            task = self._tasks[number]
            if task.state is JobState.HELD:
                _file(self.plan, "back", number).unlink(missing_ok=True)
                task.state = JobState.WAITING

    def _work(self) -> None:
        while True:
            with self._lock:
                self._hand_in()
                refs = {task.ref: task for task in self._tasks if task.ref is not None}
                if all(task.state is JobState.ENDED for task in self._tasks) and not refs:
                    break
            if not refs:
                time.sleep(BEAT_SECONDS)
                continue
            for ref in ray.wait(list(refs), timeout=BEAT_SECONDS)[0]:
                with self._lock:
                    if refs[ref].ref is ref:  # else it was taken back meanwhile
                        self._take_back(refs[ref])
        time.sleep(LINGER_SECONDS)
        ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def _hand_in(self) -> None:
        """Gives Ray what waits, as many at a time as the options allow."""
        options, now = self.plan.options, time.monotonic()
        handed_in = sum(task.ref is not None for task in self._tasks)
        for task in self._tasks:
            waits = task.state is JobState.WAITING and task.ref is None and now >= task.not_before
            if waits and (not options.max_jobs or handed_in < options.max_jobs):
                task.ref = _remote(self.plan, task.number)
                handed_in += 1

    def _take_back(self, task: _Task) -> None:
        """What becomes of a job whose task has ended."""
        ref, task.ref = task.ref, None
        try:
            code = int(ray.get(ref))
        except ray.exceptions.TaskCancelledError:
            task.state, task.reason = JobState.ENDED, "cancelled"
            return
        except ray.exceptions.RayError as error:
            task.state = JobState.ENDED
            task.reason = f"given up after {self.plan.options.max_retries} retries: " + _line(error)
            return
        leaves = code in (EXIT_AGAIN, EXIT_BUSY)
        if leaves and not task.cancelled and task.again < self.plan.options.max_again:
            task.state, task.again = JobState.WAITING, task.again + 1
            task.not_before = time.monotonic() + AGAIN_SECONDS
            return
        task.state, task.reason = JobState.ENDED, f"its worker ended with exit code {code}"
        # without a disk its reason is heard here alone
        with contextlib.suppress(OSError):
            content = f"{self.plan.job(task.number)} {code}\n"
            write_bytes_atomically(Path(task.run) / MARKER, content.encode())

    def _exit_code(self, task: _Task) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            name, code = (Path(task.run) / MARKER).read_text(encoding="utf-8").split()
            return int(code) if name == self.plan.job(task.number) else None
        return None

    def _said(self, task: _Task) -> tuple[str, str, str]:
        state, reason = task.state, task.reason
        if state is JobState.RUNNING and time.monotonic() - task.beat > QUIET_SECONDS:
            return JobState.WAITING.value, "its node does not answer; waits for another", ""
        if state is JobState.WAITING:
            reason = _why_waiting(self.plan.options)
        return state.value, reason, task.place if state is JobState.RUNNING else ""


def _why_waiting(options: RayOptions) -> str:
    """Whether any node could ever run a task."""
    demand = options.demand
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(all(node.get(name, 0) >= count for name, count in demand.items()) for node in nodes):
        return "waits for a free node"
    words = ", ".join(f"{name} {count:g}" for name, count in demand.items())
    return f"no node of the cluster has {words}"


def _remote(plan: Plan, number: int) -> Any:
    """Hands a run to Ray."""
    asked = plan.options
    return (
        ray.remote(max_calls=1)(do_run)
        .options(
            name=plan.job(number),
            num_cpus=asked.num_cpus,
            num_gpus=asked.num_gpus,
            memory=asked.memory or None,
            resources=asked.resources or None,
            max_retries=asked.max_retries,
            runtime_env=asked.runtime_env or None,
        )
        .remote(msgspec.json.encode(plan), number)
    )


def do_run(content: bytes, number: int) -> int:
    """The task: the worker process of a run from its start to its end; its exit code."""
    plan = msgspec.json.decode(content, type=Plan)
    keeper = ray.get_actor(plan.name, namespace=NAMESPACE)
    place = f"{socket.gethostname()}, node {ray.get_runtime_context().get_node_id()[:8]}"
    # asked by a file: a task that waits for an answer gives its processors to another one
    if _file(plan, "back", number).exists():
        return EXIT_AGAIN
    keeper.beat.remote(number, place)
    run = Path(plan.runs[number])
    python = plan.options.python or sys.executable
    words = worker_command(
        python, str(run), plan.data_dir, plan.job(number), plan.options.wait_seconds
    )
    words[words.index("hashbench.engine")] = "hashbench.clusters.ray_worker"
    environment = os.environ | plan.environment | {"HASHBENCH_RAY_TASK": str(os.getpid())}
    with (run / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            words,
            cwd=plan.cwd if Path(plan.cwd).is_dir() else None,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        return _followed(process, keeper, place, plan, number)
    except BaseException:  # cancelled: the run is saved before the task ends
        process.terminate()
        process.wait()
        raise


def _followed(
    process: subprocess.Popen[bytes], keeper: Any, place: str, plan: Plan, number: int
) -> int:
    """Waits for a worker, saying that it lives; as a shell has it, 128 + a signal's number."""
    kill = _file(plan, "kill", number)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(BEAT_SECONDS)
            return 128 - code if code < 0 else code
        keeper.beat.remote(number, place)
        if kill.exists():
            process.kill()
            kill.unlink(missing_ok=True)


def _file(plan: Plan, word: str, number: int) -> Path:
    """What a task is told by a file: to come `back` before it has begun, to `kill` its worker."""
    return Path(plan.folder) / f"{word}-{number}"


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
