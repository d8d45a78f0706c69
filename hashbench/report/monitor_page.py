"""A reading of this machine for a terminal; needs no colour."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hashbench.report.monitor import GpuReading, Reading, RunReading
from hashbench.report.run_series import GIB
from hashbench.report.text import plain, short_duration

LEVELS = " ▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"
NAME = 7  # cells of the first column
LEAST_BAR = 10
REST = 30  # cells beside a bar and its history
MOST_CORES = 256
HOT = 0.9  # a share that is nearly all there is


class History:
    """The loads of the last readings, by name."""

    def __init__(self, length: int = 60) -> None:
        self._length = length
        self._shares: dict[str, deque[float]] = {}

    def add(self, reading: Reading) -> None:
        """Takes one more reading into account."""
        shares = {"cpu": reading.cpu, "memory": _share(reading.memory_used, reading.memory_total)}
        for one in reading.gpus:
            if one.gpu.load is not None:
                shares[f"gpu{one.gpu.index}"] = one.gpu.load
        for name, share in shares.items():
            self._shares.setdefault(name, deque(maxlen=self._length)).append(share)

    def line(self, name: str, width: int) -> str:
        """The last readings, a block each, the newest at the right."""
        shares = list(self._shares.get(name, ()))[-width:] if width > 0 else []
        return "".join(map(_level, shares)).rjust(max(0, width))


def page(reading: Reading, history: History, width: int) -> RenderableType:
    """All of a reading on `width` cells, with what came before."""
    clock = time.strftime("%H:%M:%S", time.localtime(reading.t))
    load = " ".join(f"{value:.2f}" for value in reading.load)
    cores = f"{len(reading.each_core)} cores"
    parts: list[RenderableType] = [
        Text(f"{plain(reading.host)}  {cores}  load {load}  {clock}", style="bold"),
        *_machine(reading, history, width),
        *(line for gpu in reading.gpus for line in _gpu(gpu, history, width)),
    ]
    if not reading.gpus:
        parts.append(Text(f"{'gpu':<{NAME}} none that a driver shows", style="dim"))
    parts += [Text(), _runs(reading.runs, width)]
    return Group(*parts)


def _machine(reading: Reading, history: History, width: int) -> Iterator[Text]:
    yield _bar("cpu", reading.cpu, f"{reading.cpu:.0%}", history.line("cpu", _past(width)), width)
    if 1 < len(reading.each_core) <= MOST_CORES:
        text = "".join(map(_level, reading.each_core))
        room = width - NAME - 1
        for start in range(0, len(text), room):
            yield Text(f"{'cores' if not start else '':<{NAME}} {text[start : start + room]}")
    memory = _share(reading.memory_used, reading.memory_total)
    words = _of(reading.memory_used, reading.memory_total)
    yield _bar("memory", memory, words, history.line("memory", _past(width)), width)
    if reading.swap_total:
        words = _of(reading.swap_used, reading.swap_total)
        yield _bar("swap", _share(reading.swap_used, reading.swap_total), words, "", width)
    for disk in reading.disks:
        share = _share(disk.total - disk.free, disk.total)
        words = f"{disk.free / GIB:,.0f} GB free  {plain(disk.folder)}"
        yield _bar("disk", share, words, "", width)


def _gpu(one: GpuReading, history: History, width: int) -> Iterator[Text]:
    gpu, name = one.gpu, f"gpu{one.gpu.index}"
    if gpu.load is None:
        yield Text(f"{name:<{NAME}} its driver does not tell its load")
    else:
        yield _bar(name, gpu.load, f"{gpu.load:.0%}", history.line(name, _past(width)), width)
    if gpu.used is not None and gpu.total:
        yield _bar("", _share(gpu.used, gpu.total), _of(gpu.used, gpu.total), "", width)
    facts = [plain(one.name)] if one.name else []
    facts += [] if gpu.temperature is None else [f"{gpu.temperature:.0f} °C"]
    facts += [] if gpu.power is None else [f"{gpu.power:.0f} W"]
    if facts:
        yield Text(f"{'':<{NAME}} {'  '.join(facts)}", style="dim")


def _bar(name: str, share: float, words: str, past: str, width: int) -> Text:
    """`cpu     ███▌    43%  ▁▂▃▅`."""
    room = max(LEAST_BAR, (width - NAME - REST) // 2)
    eighths = round(min(1.0, max(0.0, share)) * room * 8)
    drawn = "█" * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")
    text = Text(f"{name:<{NAME}} ")
    text.append(f"{drawn:<{room}}", style="red" if share >= HOT else "green")
    text.append(f" {words}")
    if past.strip():
        text.append(past.rjust(max(0, width - text.cell_len)), style="dim")
    text.truncate(width)
    return text


def _past(width: int) -> int:
    """Cells of a history line: what a bar and its words leave."""
    return max(0, width - NAME - REST - max(LEAST_BAR, (width - NAME - REST) // 2))


def _runs(runs: Sequence[RunReading], width: int) -> RenderableType:
    if not runs:
        return Text("no run has a worker on this machine; `hashbench run` starts one", style="dim")
    table = Table(box=None, pad_edge=False, width=width)
    for header in ("run", "doing", "done", "left", "cpu", "memory", "gpu"):
        words = header in ("run", "doing")
        table.add_column(
            header,
            justify="left" if words else "right",
            no_wrap=True,
            overflow="ellipsis",
            ratio={"run": 3, "doing": 2}.get(header),
        )
    for one in runs:
        table.add_row(
            plain(one.run),
            plain(one.doing or one.state),
            "" if one.done is None else f"{one.done:.0%}",
            short_duration(one.seconds_left),
            "" if one.cpu is None else f"{one.cpu:.2f}",
            "" if one.memory is None else f"{one.memory / GIB:.1f} GB",
            " ".join(map(str, one.gpus)),
        )
    return table


def _share(used: float, total: float) -> float:
    return used / total if total else 0.0


def _of(used: float, total: float) -> str:
    return f"{used / GIB:.1f} of {total / GIB:.1f} GB"


def _level(share: float) -> str:
    return LEVELS[round(max(0.0, min(1.0, share)) * (len(LEVELS) - 1))]
