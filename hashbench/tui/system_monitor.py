"""What the machine is doing: CPU, memory, and GPUs where the driver's tool is there."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import psutil

NVIDIA = "nvidia-smi"
_QUERY = "--query-gpu=index,utilization.gpu,memory.used,memory.total"
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Gpu:
    """One GPU: load as a share, memory in bytes; None where the driver does not tell."""

    index: int
    load: float | None
    used: float | None
    total: float | None


@dataclass(frozen=True)
class Machine:
    """One reading: loads as shares from 0 to 1, memory in bytes."""

    cpu: float
    cores: int
    memory_used: float
    memory_total: float
    gpus: tuple[Gpu, ...] = ()


def read_machine() -> Machine:
    """A reading since the last one; asks the GPU driver's tool where there is one."""
    memory = psutil.virtual_memory()
    return Machine(
        cpu=psutil.cpu_percent() / 100,
        cores=psutil.cpu_count() or 1,
        memory_used=float(memory.total - memory.available),
        memory_total=float(memory.total),
        gpus=_gpus(),
    )


def _gpus() -> tuple[Gpu, ...]:
    tool = shutil.which(NVIDIA)
    if tool is None:
        return ()
    try:
        done = subprocess.run(
            [tool, _QUERY, "--format=csv,noheader,nounits"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()  # a driver that hangs is not the workbench's to repair
    return parse_gpus(done.stdout) if done.returncode == 0 else ()


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """The tool's lines `index, load %, MiB used, MiB total`; `[N/A]` is not known."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) != 4 or not parts[0].isdigit():
            continue
        load, used, total = (_number(part) for part in parts[1:])
        found.append(
            Gpu(
                index=int(parts[0]),
                load=None if load is None else load / 100,
                used=None if used is None else used * 2**20,
                total=None if total is None else total * 2**20,
            )
        )
    return tuple(found)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
