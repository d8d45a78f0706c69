"""A real Slurm of two nodes on one machine, in a temporary folder: munged, slurmctld, two slurmd.

`python tests/clusters/two_nodes.py` starts one and prints how to use it, until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

TEMPLATE = Path(__file__).with_name("two_nodes.conf.in")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
PACKAGES = "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge"
START_SECONDS = 60.0
CREDENTIAL_SECONDS = 20
"""How long a requeued job waits until it may start again, 120 unless said otherwise."""

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


class TwoNodes:
    """The daemons; `environment` is what Slurm's commands need to find them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self.environment = {**os.environ, "SLURM_CONF": str(self.conf), "PATH": PATH}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Starts all daemons and waits until both nodes are idle. Raises TimeoutError."""
        self._write_conf()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        for name in ("state", "spool-n1", "spool-n2"):
            (self.folder / name).mkdir()
        self._spawn(
            "munged", "--foreground", "--force", f"--key-file={key}",
            f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munge.pid",
            f"--log-file={self.folder}/munge.log", f"--seed-file={self.folder}/munge.seed",
        )  # fmt: skip
        until((self.folder / "munge.socket").exists, "munged to listen")
        self._spawn("slurmctld", "-D", "-f", str(self.conf))
        for node in ("n1", "n2"):
            self.start_node(node)
        until(lambda: self.states() == {"n1": "idle", "n2": "idle"}, "two idle nodes")

    def _write_conf(self) -> None:
        values = {
            "FOLDER": str(self.folder),
            "HOST": socket.gethostname(),
            "USER": getpass.getuser(),
            "CREDENTIAL_SECONDS": str(CREDENTIAL_SECONDS),
        }
        with contextlib.ExitStack() as ports:
            for name in ("CONTROLLER", "NODE_1", "NODE_2"):
                listener = ports.enter_context(socket.socket())
                listener.bind(("127.0.0.1", 0))
                values[name] = str(listener.getsockname()[1])
        text = TEMPLATE.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        self.conf.write_text(text)

    def _spawn(self, name: str, *words: str, key: str = "") -> None:
        with (self.folder / f"{key or name}.out").open("ab") as output:
            self._daemons[key or name] = subprocess.Popen(
                [name, *words],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start_node(self, node: str) -> None:
        """Starts the daemon of a node."""
        self._spawn("slurmd", "-D", "-f", str(self.conf), "-N", node, key=node)

    def call(self, *words: str) -> str:
        """What a command of Slurm prints. Raises CalledProcessError."""
        return subprocess.run(
            words, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def states(self) -> dict[str, str]:
        """Node -> its state; nothing while the controller does not answer."""
        try:
            lines = self.call("sinfo", "--noheader", "-N", "--format=%N %t").splitlines()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return {}
        return dict(line.split() for line in lines)

    def node_of(self, job: str) -> str:
        """The node that a job runs on."""
        return self.call("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()

    def restarts(self, job: str) -> int:
        """How often a job was requeued."""
        return int(self._field(job, "Restarts"))

    def minutes(self, job: str) -> int:
        """How long a job has run, in whole minutes."""
        hours, minutes, _ = self._field(job, "RunTime").rpartition("-")[2].split(":")
        return 60 * int(hours) + int(minutes)

    def _field(self, job: str, name: str) -> str:
        words = self.call("scontrol", "show", "job", job).split()
        return next(w.partition("=")[2] for w in words if w.startswith(f"{name}="))

    def workers(self, run: Path) -> list[psutil.Process]:
        """The living workers of a run folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if "hashbench.engine" in words and str(run) in words:
                    found.append(process)
        return found

    def kill_node(self, node: str, *, jobs_too: bool = True) -> None:
        """Takes a node away at once and says so to the controller, as when its power fails; without
        `jobs_too` only its daemon dies, as when it is cut off the network while its jobs live.
        """
        daemon = self._daemons.pop(node)
        ours = [psutil.Process(daemon.pid)]
        _kill(ours + (self.processes(node) if jobs_too else self._daemons_of_steps(node)))
        daemon.wait()
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")

    def processes(self, node: str | None = None) -> list[psutil.Process]:
        """The living processes of this Slurm but for its daemons: jobs, of one node or of all, and
        what serves them.
        """
        found = set(self._daemons_of_steps(node))
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                values = process.environ()
                ours = values.get("SLURM_CONF") == str(self.conf) and "SLURM_JOB_ID" in values
                if ours and node in (None, values.get("SLURMD_NODENAME")):
                    found.add(process)
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]

    def _daemons_of_steps(self, node: str | None) -> list[psutil.Process]:
        """The slurmstepd of each job: what a daemon of a node leaves to do its work."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "slurmstepd" and self._serves(process, node):
                    found.append(process)
        return found

    def _serves(self, process: psutil.Process, node: str | None) -> bool:
        """Whether a process of Slurm has files of this one open, and of that node."""
        name = str(self.folder) if node is None else f"slurmd-{node}.log"
        paths = [one.path for one in process.open_files()]
        return any(str(self.folder) in path and name in path for path in paths)

    def close(self) -> None:
        """Ends everything that was started, jobs as well; nothing is left behind."""
        daemons = [psutil.Process(one.pid) for one in self._daemons.values() if one.poll() is None]
        # the daemons first, so that they start nothing in place of what is killed
        _kill(daemons)
        for one in self._daemons.values():
            one.wait()
        _kill(self.processes())


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def until(true: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Waits. Raises TimeoutError with what it waited for."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.2)


@contextlib.contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """A Slurm that is there for a while. Its folder has a short name: sockets need one."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    slurm = TwoNodes(folder)
    try:
        slurm.start()
        yield slurm
    except BaseException:
        for log in sorted(folder.glob("*.log")) + sorted(folder.glob("*.out")):
            print(f"== {log.name}\n{log.read_text(errors='replace')[-2000:]}")  # noqa: T201
        raise
    finally:
        slurm.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with two_nodes() as started, contextlib.suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={started.conf}", flush=True)  # noqa: T201
        while True:
            time.sleep(1)
