"""The load of the machine: CPU, memory, and NVIDIA GPUs."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from hashbench.runs import gpus
from hashbench.runs.gpus import Gpu


@dataclass(frozen=True)
class Machine:
    """One reading: loads as shares from 0 to 1, memory in bytes."""

    cpu: float
    cores: int
    memory_used: float
    memory_total: float
    gpus: tuple[Gpu, ...] = ()


def read_machine() -> Machine:
    """A reading; the CPU's load is that since the last one."""
    memory = psutil.virtual_memory()
    return Machine(
        cpu=psutil.cpu_percent() / 100,
        cores=psutil.cpu_count() or 1,
        memory_used=float(memory.total - memory.available),
        memory_total=float(memory.total),
        gpus=gpus.read(),
    )
