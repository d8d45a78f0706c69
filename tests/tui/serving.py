"""`hashbench serve` as a process under test."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PROGRAM = "from hashbench.cli.main import main; main()"


class Served:
    """A server, until `end`. `url` is the link with the token."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-c", PROGRAM, "serve", "--json", *arguments]
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(folder / "data")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | {"HASHBENCH_CONFIG": str(folder / "config")},
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        self.url: str = json.loads(line)["url"]
        self.port: int = json.loads(line)["port"]
        self.token = self.url.rpartition("=")[2]

    def tabs(self) -> list[psutil.Process]:
        """The processes of its tabs."""
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children

    def end(self, number: int = signal.SIGINT) -> int:
        """Ends it; returns its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


def wait(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until `true()` is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def letters(frames: bytes) -> str:
    """What a tab was sent, without its escape sequences."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", frames.decode(errors="replace"))
