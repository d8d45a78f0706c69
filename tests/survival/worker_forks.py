"""Workers that are forked from a process of their own which has imported all they need, so that
many tests with real workers cost little, and that stop at a gate, die or lose time where a test
wants it.

`python tests/survival/worker_forks.py` reads orders, one JSON object a line, and answers each in a
line; `Forks` is the other end.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600.0  # a machine that others use is slow at times


class Forks:
    """Starts workers and commands, and waits for them."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )

    def _order(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def worker(self, run: Path, data_dir: Path, **tricks: Any) -> int:
        """The pid of a new worker of a run; `tricks` are the arguments of `play`.

        With `queued` it waits for its turn.
        """
        words = [str(run), "--data-dir", str(data_dir)]
        return int(self._order(do="worker", words=words, log=str(run / "worker.log"), **tricks))

    def command(self, *words: object, log: Path, **tricks: Any) -> int:
        """The pid of a new `hashbench ...`, its output at the end of `log`."""
        return int(self._order(do="command", words=[*map(str, words)], log=str(log), **tricks))

    def wait(self, pid: int, seconds: float = PATIENCE) -> int | None:
        """The exit code, negative for a signal; None while it has not ended after that time."""
        code = self._order(do="wait", pid=pid, seconds=seconds)
        return None if code is None else int(code)

    def close(self) -> None:
        """Ends the server; what it started and nobody waited for, too."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def play(
    *,
    gate: str = "",
    pause_seconds: float = 0.0,
    clock: tuple[float, ...] = (),
    die: str = "",
    bound: bool = False,
) -> None:
    """Sets the tricks up, in the child. With a `gate` each look for a control request waits while
    that file is there, and makes one beside it that ends in `.reached`; `pause_seconds` is slept
    at each look. `clock` are seconds by which wall time jumps, one at each event. `die` is
    `before NAME`, `within NAME` or `after NAME`: SIGKILL around the moment when the file of that
    name appears, `within` with half of it written. `bound` makes the modes of files bind it, even
    if it is root's.
    """
    from hashbench.runs import control, writer

    if bound:
        _give_up_root_powers()
    if gate or pause_seconds:
        control.read = _at_gate(control.read, Path(gate) if gate else None, pause_seconds)
    if clock:
        writer.time = _Clock(clock)  # type: ignore[assignment, attr-defined]
    if die:
        _die(*die.split(" ", 1))


def _at_gate(read: Callable[..., Any], gate: Path | None, seconds: float) -> Callable[..., Any]:
    def wait_and_read(run: Any) -> Any:
        time.sleep(seconds)
        if gate is not None and gate.exists():
            gate.with_name(f"{gate.name}.reached").touch()
            while gate.exists():
                time.sleep(0.01)
        return read(run)

    return wait_and_read


class _Clock:
    """`time` with a wall clock that jumps; the monotonic one does not."""

    def __init__(self, jumps: tuple[float, ...]) -> None:
        self._jumps = list(jumps)
        self._off = 0.0
        self.monotonic = time.monotonic

    def time(self) -> float:
        self._off += self._jumps.pop(0) if self._jumps else 0.0
        return time.time() + self._off


def _die(when: str, name: str) -> None:
    replace = pathlib.Path.replace

    def deadly(path: Path, target: Any) -> Path:
        if Path(target).name != name:
            return replace(path, target)
        if when == "within":
            os.truncate(path, path.stat().st_size // 2)
        if when == "after":
            replace(path, target)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("dead already")

    pathlib.Path.replace = deadly  # type: ignore[method-assign, assignment]


def _give_up_root_powers() -> None:
    """Drops the capabilities that let root pass by the modes of files."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, sets) == 0
    sets[0] &= ~0b1110  # DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
    assert libc.capset(header, sets) == 0


def _child(order: dict[str, Any]) -> None:
    from hashbench.cli.main import main as main_of_command
    from hashbench.engine.__main__ import main as main_of_worker
    from hashbench.runs import queue

    code: object = 70
    try:
        log = os.open(order.pop("log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for stream, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(stream, target)
        worker, words = order.pop("do") == "worker", order.pop("words")
        queued = order.pop("queued", False)
        play(**order)
        if worker:
            os.setsid()
            if queued:
                run = Path(words[0])
                words += ["--ticket", str(queue.of(run.parent).enter(run.name, "auto", 0))]
            sys.argv = ["worker", *words]
            code = main_of_worker()
        else:
            sys.argv = ["hashbench", *words]
            main_of_command()
            code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _wait(pid: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.005)


def main() -> None:
    """Follows orders until there are none; ends what is still at work."""
    import importlib

    from hashbench.backbones.openclip_import import open_clip

    open_clip()
    importlib.import_module("hashbench.engine.pipeline")
    importlib.import_module("hashbench.cli.main")
    codes: dict[int, int | None] = {}  # of every child, None while it is at work
    for line in sys.stdin:
        order = json.loads(line)
        answer: int | None
        if order["do"] == "wait":
            answer = codes[order["pid"]]
            if answer is None:
                answer = codes[order["pid"]] = _wait(order["pid"], order["seconds"])
        else:
            answer = os.fork()
            if not answer:
                _child(order)
            codes[answer] = None
        print(json.dumps(answer), flush=True)  # noqa: T201  # the answer is this line
    for pid in (pid for pid, code in codes.items() if code is None):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os._exit(0)  # all that was imported would be taken down piece by piece


if __name__ == "__main__":
    main()
