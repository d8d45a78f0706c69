"""What is read of GPUs, from a driver's library that is played here."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from hashbench.runs import gpus, slots
from hashbench.runs.gpus import Gpu


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus._library.cache_clear()
    yield
    gpus._library.cache_clear()


def refuse(error: int) -> Any:
    def function(*_: object) -> None:
        raise pynvml.NVMLError(error)

    return function


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two GPUs, of which the second measures no load, as one that is cut into instances."""

    def load(handle: str) -> SimpleNamespace:
        if handle == "gpu 1":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=98, memory=40)

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: f"gpu {index}")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", load)
    memory = SimpleNamespace(used=61 * 2**30, total=80 * 2**30)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda _: memory)
    return monkeypatch


def test_load_and_memory_are_read(driver: pytest.MonkeyPatch) -> None:
    memory = (61.0 * 2**30, 80.0 * 2**30)
    assert gpus.read() == (Gpu(0, 0.98, *memory), Gpu(1, None, *memory))


def test_a_gpu_that_the_driver_lost_is_still_listed(driver: pytest.MonkeyPatch) -> None:
    lost = refuse(pynvml.NVML_ERROR_GPU_IS_LOST)
    driver.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lost)
    assert gpus.read() == (Gpu(0, None, None, None), Gpu(1, None, None, None))


def test_slots_count_the_same_gpus(driver: pytest.MonkeyPatch) -> None:
    assert slots.visible_gpus() == ["0", "1"]


def test_without_a_driver_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlInit", refuse(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    assert gpus.read() == ()
    assert gpus.count() == 0
    assert slots.visible_gpus() == []
