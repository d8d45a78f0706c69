"""A sweep on a Ray of three nodes on this machine, one of which is lost in the middle."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from hashbench.clusters import catalog
from hashbench.clusters import ray as ray_cluster
from hashbench.runs import job
from hashbench.runs.layout import RunFolder, find
from hashbench.runs.state import Status
from hashbench.runs.state_reader import read_state
from hashbench.runs.status import status

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra `ray`)"
    ),
]

SECONDS = float(os.environ.get("HASHBENCH_RAY_SECONDS", "1500"))
SEEDS = 3
LONG = 100_000  # epochs that no test waits for


def run_words(seeds: str, epochs: int) -> list[str]:
    return ["run", "-m", "soda", "-d", "picturebook-tiny", "-b", "16", "--epochs", str(epochs),
            "--threads", "1", "--device", "cpu", "-s", seeds]  # fmt: skip


class ThreeNodes:
    """The cluster's process, which is the leader of a group with all that it starts."""

    def __init__(self, log: IO[bytes]) -> None:
        script = Path(__file__).with_name("three_nodes.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        self.facts = self.said()

    def said(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the cluster did not start: see its log"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def remove(self, node: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"remove {node}\n".encode())
        self.process.stdin.flush()
        assert self.said() == {"removed": node}

    def end(self) -> None:
        """Ends the cluster, and whatever of it is left."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for one in started:
            if one.is_running():
                one.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreeNodes]:
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    with (tmp_path / "cluster.log").open("wb") as log:
        nodes = ThreeNodes(log)
        try:
            monkeypatch.setenv("RAY_ADDRESS", nodes.facts["address"])
            yield nodes
        finally:
            for agent in ray_cluster._agents.values():
                agent.close()
            nodes.end()
            catalog.forget_looks()


def hashbench(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hashbench", *words, "--runs-dir", str(folder / "runs"),
         *(["--data-dir", str(folder / "data")] if words[0] in ("run", "resume") else [])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait(until: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(1)


def codes(runs: list[RunFolder]) -> dict[str, bytes]:
    """The codes of each seed."""
    return {run.id.rpartition("-s")[2]: (run.codes / "16.npz").read_bytes() for run in runs}


def assert_one_writer_at_a_time(run: RunFolder) -> None:
    """Events are numbered without a gap or a second one, and no worker wrote after the next."""
    logged = [json.loads(line) for line in run.events.read_bytes().splitlines()]
    assert [one["seq"] for one in logged] == list(range(len(logged)))
    times = [one["t"] for one in logged]
    assert times == sorted(times)


def test_a_sweep_survives_the_loss_of_a_node(cluster: ThreeNodes, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    words = run_words(f"0-{SEEDS - 1}", 12)
    hashbench(here, *words, "--queue", "--json")
    hashbench(there, *words, "--on", "ray", "--detach")
    runs = find(there / "runs")
    assert len(runs) == SEEDS
    for run in runs:
        made = job.read(run)
        assert made is not None
        assert made.id.startswith("hashbench.")

    def trained(run: RunFolder) -> bool:
        return read_state(run.events).epoch > 0

    def places() -> dict[str, RunFolder]:
        """The runs that train, by the beginning of their node's id."""
        views = {run: job.view(run) for run in runs}
        return {
            view.reason.rpartition("node ")[2]: run
            for run, view in views.items()
            if view is not None and "node " in view.reason and trained(run)
        }

    removable = {node[:8]: node for node in cluster.facts["nodes"]}
    wait(lambda: bool(set(places()) & set(removable)), "a run that trains on a node to lose")
    lost = next(place for place in places() if place in removable)
    victim = places()[lost]
    cluster.remove(removable[lost])

    wait(lambda: all(status(run).state is Status.FINISHED for run in runs), "all runs finished")
    kinds = [json.loads(line)["kind"] for line in victim.events.read_bytes().splitlines()]
    assert kinds.count("started") >= 2  # it went on elsewhere
    for run in runs:
        assert_one_writer_at_a_time(run)
    local = find(here / "runs")
    wait(lambda: all(status(run).state is Status.FINISHED for run in local), "local runs")
    assert codes(runs) == codes(local)


def test_stop_kill_hold_and_a_cluster_that_is_gone(cluster: ThreeNodes, tmp_path: Path) -> None:
    hashbench(tmp_path, *run_words("0", LONG), "--on", "ray", "--detach")
    (run,) = find(tmp_path / "runs")
    wait(lambda: read_state(run.events).epoch > 0, "the run trains")
    assert status(run).state is Status.RUNNING
    assert status(run).job.startswith("Ray job hashbench.")
    hashbench(tmp_path, "stop", run.id)
    wait(lambda: status(run).state is Status.STOPPED, "the run stopped")
    hashbench(tmp_path, "resume", run.id, "--detach")
    wait(lambda: status(run).state is Status.RUNNING, "the run goes on")
    hashbench(tmp_path, "kill", run.id)
    catalog.forget_looks()
    wait(lambda: status(run).state is Status.LOST, "the run is lost")
    assert "exit code 137" in status(run).reason
    hashbench(tmp_path, "resume", run.id, "--detach")
    wait(lambda: status(run).state is Status.RUNNING, "the run goes on again")
    os.killpg(cluster.process.pid, signal.SIGKILL)
    ray_cluster._agents.clear()
    catalog.forget_looks()
    assert "Ray does not answer" in status(run).doing


def test_what_fits_no_node_is_said(cluster: ThreeNodes, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "ray.toml").write_text("num_gpus = 4\n")
    hashbench(tmp_path, *run_words("0", 12), "--on", "ray", "--detach")
    (run,) = find(tmp_path / "runs")
    wait(lambda: "no node of the cluster has CPU 1, GPU 4" in status(run).doing, "the reason")
    assert status(run).state is Status.QUEUED
    hashbench(tmp_path, "stop", run.id)
    wait(lambda: status(run).state is Status.STOPPED, "the run stopped")
