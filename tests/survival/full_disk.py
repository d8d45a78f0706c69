"""Fills the disk under runs, frees it, and lets them go on.

    python tests/survival/full_disk.py

Twice by a limit on the size of files, which anybody may set: the checkpoint is too large, then any
file is. Once on a small disk of its own (a tmpfs, where the user may mount one): it is full while
features are extracted and again while the run trains.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hashbench.backbones.openclip_import import open_clip
from hashbench.engine import checkpoint
from hashbench.plan import spec as specs
from hashbench.runs import events, layout
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all
from tests.survival.killing import (
    PATIENCE,
    Reference,
    fork_worker,
    undisturbed,
    wait,
)
from tests.survival.tiny_runs import BITS, now, spec_of

DISK = 24 << 20
METHOD = "soda"


def figures() -> dict[str, dict[str, object]]:
    """By case: the reported failure, and whether the resumed run is the undisturbed one."""
    open_clip()
    importlib.import_module("hashbench.engine.pipeline")
    with tempfile.TemporaryDirectory(prefix="hashbench-full-") as name:
        folder = Path(name)
        data = folder / "data"
        reference = undisturbed(METHOD, folder, data)
        (saved,) = list((folder / "undisturbed").glob("*/checkpoint/*"))[:1]
        size = saved.stat().st_size
        cases = {
            "checkpoint over the size limit": limited(folder, data, reference, size // 2),
            "no file may be written": limited(folder, data, reference, 2500),
        }
        with small_disk(folder / "disk") as disk:
            if disk is not None:
                cases["small disk"] = filled(disk, reference)
    return cases


def limited(folder: Path, data: Path, reference: Reference, most: int) -> dict[str, object]:
    """A run whose files may have at most so many bytes, and then any number."""
    run = layout.create(folder / "limited", spec_of(METHOD), now())

    def limit() -> None:
        # the log, in which a failure is reported, stays below the limit
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    code = wait(fork_worker(run, data, 0.0, limit), PATIENCE)
    return {**outcome(run, code), **resumed(run, data, reference)}


def filled(disk: Path, reference: Reference) -> dict[str, object]:
    """A run and its data on a disk that is full at two moments."""
    run = layout.create(disk / "runs", spec_of(METHOD), now())
    with full(disk, 200_000):  # the run begins; the features do not fit
        code = wait(fork_worker(run, disk / "data", 0.0), PATIENCE)
        first = outcome(run, code)
    pid = fork_worker(run, disk / "data", 0.0)
    until = time.monotonic() + PATIENCE
    while not any(isinstance(event, events.Saved) for event in read_all(run.events)):
        if time.monotonic() > until:
            raise SystemExit(f"no checkpoint came: {run.log.read_text()[-2000:]}")
        time.sleep(0.005)
    with full(disk, 0):
        code = wait(pid, PATIENCE)
        second = outcome(run, code)
    return {
        "while extracting": first, **second, **resumed(run, disk / "data", reference)
    }  # fmt: skip


def outcome(run: RunFolder, code: int | None) -> dict[str, object]:
    """What a run says that met a full disk; nothing in it may be half written."""
    logged = read_all(run.events)
    failed = [event for event in logged if isinstance(event, events.Failed)]
    checkpoint.load(run, specs.read(run.spec).hash)  # complete, or missing
    return {
        "exit code": code,
        "status": str(status(run).state),
        "reason": failed[-1].reason if failed else "",
        "remedy": failed[-1].remedy if failed else "",
        "log": run.log.read_text()[-400:],
        "halves": [path.name for path in run.path.rglob(".*.part")],
    }


def resumed(run: RunFolder, data: Path, reference: Reference) -> dict[str, object]:
    """How it goes on once there is space."""
    code = wait(fork_worker(run, data, None), PATIENCE)
    state = status(run).state
    codes = run.codes / f"{BITS}.npz"
    return {
        "resumed": code == 0 and state is Status.FINISHED,
        "identical": codes.is_file() and codes.read_bytes() == reference.codes,
    }


@contextlib.contextmanager
def full(disk: Path, left: int) -> Iterator[None]:
    """Fills a disk but for `left` bytes."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(1, free - left))
            while not left:
                file.seek(0, 2)
                file.write(bytes(4096))
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of DISK bytes, None where this user may not mount one."""
    folder.mkdir()
    mount = shutil.which("mount")
    words = ["-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    done = mount and subprocess.run([mount, *words], capture_output=True, check=False)
    if not done or done.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "umount", "-l", str(folder)], check=False)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(), indent=1) + "\n")
