"""The NVIDIA GPUs of this machine, read through the driver's library: torch need not be loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """One GPU: load as a share, memory in bytes, temperature in degrees Celsius, power in watts;
    None where the driver does not measure it.
    """

    index: int
    load: float | None
    used: float | None
    total: float | None
    temperature: float | None = None
    power: float | None = None


def count() -> int:
    """How many GPUs there are; 0 without a driver."""
    nvml = _library()
    return 0 if nvml is None else _or_none(nvml, nvml.nvmlDeviceGetCount) or 0


def read() -> tuple[Gpu, ...]:
    """The GPUs as they are now."""
    nvml = _library()
    return () if nvml is None else tuple(_read(nvml, index) for index in range(count()))


def read_named(name: str) -> Gpu | None:
    """One GPU, by its number or by its UUID, as CUDA_VISIBLE_DEVICES names it; None where there is
    no such GPU. The driver is asked for nothing else, since it may take long to answer.
    """
    nvml = _library()
    if nvml is None:
        return None
    if name.isdigit():
        return _read(nvml, int(name))
    handle = _or_none(nvml, nvml.nvmlDeviceGetHandleByUUID, name)
    index = None if handle is None else _or_none(nvml, nvml.nvmlDeviceGetIndex, handle)
    return None if index is None else _of(nvml, index, handle)


def title(index: int) -> str:
    """The name of the product; empty where the driver does not tell."""
    nvml = _library()
    handle = None if nvml is None else _or_none(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
    name = None if handle is None else _or_none(nvml, nvml.nvmlDeviceGetName, handle)
    return name.decode(errors="replace") if isinstance(name, bytes) else name or ""


def processes_on(index: int) -> dict[int, float | None]:
    """pid -> bytes of the GPU's memory, of the processes that compute on it."""
    nvml = _library()
    handle = None if nvml is None else _or_none(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:
        return {}
    found = _or_none(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle) or ()
    return {
        one.pid: None if one.usedGpuMemory is None else float(one.usedGpuMemory) for one in found
    }


def _read(nvml: Any, index: int) -> Gpu:
    handle = _or_none(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:  # a GPU that fell off the bus
        return Gpu(index, None, None, None)
    return _of(nvml, index, handle)


def _of(nvml: Any, index: int, handle: Any) -> Gpu:
    utilisation = _or_none(nvml, nvml.nvmlDeviceGetUtilizationRates, handle)
    memory = _or_none(nvml, nvml.nvmlDeviceGetMemoryInfo, handle)
    sensor = nvml.NVML_TEMPERATURE_GPU
    temperature = _or_none(nvml, nvml.nvmlDeviceGetTemperature, handle, sensor)
    milliwatts = _or_none(nvml, nvml.nvmlDeviceGetPowerUsage, handle)
    return Gpu(
        index=index,
        load=None if utilisation is None else utilisation.gpu / 100,
        used=None if memory is None else float(memory.used),
        total=None if memory is None else float(memory.total),
        temperature=None if temperature is None else float(temperature),
        power=None if milliwatts is None else milliwatts / 1000,
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
