"""One reading of this machine: processors, memory, disks, GPUs, and the runs that use them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from hashbench.report.live_runs import LiveRuns
from hashbench.runs import gpus, processes
from hashbench.runs.gpus import Gpu
from hashbench.runs.layout import RunFolder
from hashbench.runs.machine_use import ProcessMeter
from hashbench.runs.status import RunStatus


@dataclass(frozen=True)
class Disk:
    """The disk of a folder, in bytes; `free` is what a person may still write."""

    folder: str
    used: float
    free: float
    total: float


@dataclass(frozen=True)
class GpuReading:
    """A GPU, the name of its product, and the memory that each of our runs takes of it, in bytes;
    None where the driver does not tell.
    """

    gpu: Gpu
    name: str
    runs: Mapping[str, float | None]


@dataclass(frozen=True)
class RunReading:
    """A run with a worker on this machine. `cpu` are cores since the reading before, `memory` the
    resident bytes of worker and children; None where its process cannot be read.
    """

    run: str
    state: str
    doing: str
    done: float | None
    seconds_left: float | None
    pid: int
    cpu: float | None
    memory: float | None
    gpus: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """The machine at a moment: shares from 0 to 1, sizes in bytes."""

    t: float
    host: str
    cpu: float
    each_core: tuple[float, ...]
    load: tuple[float, ...]
    memory_used: float
    memory_total: float
    swap_used: float
    swap_total: float
    disks: tuple[Disk, ...]
    gpus: tuple[GpuReading, ...]
    runs: tuple[RunReading, ...]


class Monitor:
    """Reads the machine again and again; loads are those between two readings."""

    def __init__(self, runs_dir: Path, data_dir: Path) -> None:
        self._live = LiveRuns(runs_dir)
        self._folders = (runs_dir, data_dir)
        self._meters: dict[int, tuple[ProcessMeter, float, float]] = {}
        self._names: dict[int, str] = {}
        psutil.cpu_percent(percpu=True)  # the first answer would be 0
        self._runs()

    def read(self) -> Reading:
        """The machine now. Raises OSError where the runs folder cannot be read."""
        cores = psutil.cpu_percent(percpu=True) or [0.0]
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        runs = self._runs()
        read = gpus.read()
        on_gpus = {gpu.index: gpus.processes_on(gpu.index) for gpu in read} if runs else {}
        found = tuple(self._run(run, current, on_gpus) for run, current in runs)
        return Reading(
            t=time.time(),
            host=processes.hostname(),
            cpu=sum(cores) / len(cores) / 100,
            each_core=tuple(core / 100 for core in cores),
            load=os.getloadavg(),
            memory_used=float(memory.total - memory.available),
            memory_total=float(memory.total),
            swap_used=float(swap.used),
            swap_total=float(swap.total),
            disks=tuple(self._disks()),
            gpus=tuple(self._gpu(gpu, found, on_gpus.get(gpu.index, {})) for gpu in read),
            runs=found,
        )

    def _runs(self) -> list[tuple[RunFolder, RunStatus]]:
        """Runs whose workers live here; a meter for each is kept."""
        here = [
            (run, current)
            for run, current in self._live.read()
            if current.worker is not None and current.worker.host == processes.hostname()
        ]
        pids = {current.worker.pid for _, current in here if current.worker}
        for gone in self._meters.keys() - pids:
            del self._meters[gone]
        for pid in pids - self._meters.keys():
            try:
                meter = ProcessMeter(pid)
                self._meters[pid] = meter, meter.read()[0], time.monotonic()
            except psutil.Error:  # it ended, or is another user's
                continue
        return here

    def _run(
        self,
        run: RunFolder,
        current: RunStatus,
        on_gpus: Mapping[int, Mapping[int, float | None]],
    ) -> RunReading:
        pid = current.worker.pid if current.worker is not None else 0
        cpu = memory = None
        if pid in self._meters:
            meter, before, at = self._meters[pid]
            try:
                seconds, memory = meter.read()
            except psutil.Error:
                del self._meters[pid]
            else:
                now = time.monotonic()
                cpu = max(0.0, seconds - before) / (now - at) if now > at else 0.0
                self._meters[pid] = meter, seconds, now
        return RunReading(
            run=run.id,
            state=str(current.state),
            doing=current.doing,
            done=current.done,
            seconds_left=current.seconds_left,
            pid=pid,
            cpu=cpu,
            memory=memory,
            gpus=tuple(sorted(index for index, pids in on_gpus.items() if pid in pids)),
        )

    def _disks(self) -> list[Disk]:
        """The disks of the folders, each once, by the first folder on it."""
        disks: dict[int, Disk] = {}
        for folder in self._folders:
            place = folder.resolve()
            while not place.exists() and place != place.parent:
                place = place.parent
            usage = psutil.disk_usage(str(place))
            disk = Disk(str(folder), float(usage.used), float(usage.free), float(usage.total))
            disks.setdefault(place.stat().st_dev, disk)
        return list(disks.values())

    def _gpu(
        self, gpu: Gpu, runs: tuple[RunReading, ...], pids: Mapping[int, float | None]
    ) -> GpuReading:
        if gpu.index not in self._names:
            self._names[gpu.index] = gpus.title(gpu.index)
        mine = {run.run: pids[run.pid] for run in runs if run.pid in pids}
        return GpuReading(gpu, self._names[gpu.index], mine)
