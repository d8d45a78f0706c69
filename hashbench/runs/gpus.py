"""The NVIDIA GPUs of this machine, read through the driver's library: torch need not be loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """One GPU: load as a share, memory in bytes; None where the driver does not measure it."""

    index: int
    load: float | None
    used: float | None
    total: float | None


def count() -> int:
    """How many GPUs there are; 0 without a driver."""
    nvml = _library()
    return 0 if nvml is None else _or_none(nvml, nvml.nvmlDeviceGetCount) or 0


def read() -> tuple[Gpu, ...]:
    """The GPUs as they are now."""
    nvml = _library()
    return () if nvml is None else tuple(_read(nvml, index) for index in range(count()))


def _read(nvml: Any, index: int) -> Gpu:
    handle = _or_none(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:  # a GPU that fell off the bus
        return Gpu(index, None, None, None)
    utilisation = _or_none(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    memory = _or_none(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    return Gpu(
        index=index,
        load=None if utilisation is None else utilisation.gpu / 100,
        used=None if memory is None else float(memory.used),
        total=None if memory is None else float(memory.total),
    )


def _or_none(nvml: Any, function: Callable[..., Any], *arguments: object) -> Any:
    """What the driver answers; None for what it does not support or has lost."""
    try:
        return function(*arguments)
    except nvml.NVMLError:
        return None


@functools.cache  # a machine keeps its driver while a process lives
def _library() -> Any:
    """The driver's library, initialised; None where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
