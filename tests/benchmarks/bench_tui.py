"""How fast the workbench and `hashbench ls` are: the parts of the first frame, keys under load.

    python tests/benchmarks/bench_tui.py [--runs 1000] [--writers 8] [--rate 50] [--seconds 20]

The load: finished runs whose events are recorded, and writers, processes of their own, that append
events to further runs. A key is answered when what it changes is on the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import resource
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil

START_SECONDS = 30.0  # then it counts as started, even if its screen never stands still
FRAME_BYTES = 10_000  # less than a whole screen
QUIET_BYTES = 1_000  # of two seconds in which only the machine's load changes
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

PARTS = """
import asyncio, sys, time
began = time.perf_counter()
busy = time.process_time()
def part(name):
    global began, busy
    now, used = time.perf_counter(), time.process_time()
    print(f"{name} {now - began:.4f} {used - busy:.4f}")
    began, busy = now, used
from hashbench.cli.main import app as cli
part("command line")
import textual.app
part("textual")
from pathlib import Path
from hashbench.tui.app import Workbench
part("workbench")
async def run():
    app = Workbench(Path(sys.argv[1]), Path(sys.argv[2]), settings_path=Path(sys.argv[2]) / "s")
    async with app.run_test(size=(160, 48)):
        part("first frame")
        while not app.views:
            await asyncio.sleep(0.005)
        part("first runs")
        while app.loading[0] < app.loading[1] or len(app.views) < app.loading[1]:
            await asyncio.sleep(0.005)
        part("all runs")
asyncio.run(run())
"""

WRITER = """
import sys, time
sys.path.insert(0, sys.argv[3])
from tests.tui import fixtures
from pathlib import Path
from hashbench.runs import events
from hashbench.runs.layout import RunFolder
from hashbench.runs.writer import EventWriter
run, rate = RunFolder(Path(sys.argv[1])), float(sys.argv[2])
plan = (events.StagePlan("teacher", "Teacher", 1000, 100),)
with EventWriter(run.events) as writer:
    writer.write(fixtures.started(alive=True))
    writer.write(events.Planned(stages=plan))
    writer.write(events.StageBegan(stage="teacher"))
    number = 0
    next_at = time.monotonic()
    while True:
        number += 1
        epoch, step = divmod(number, 100)
        if step == 0:
            values = {"i2t:mAP@all @32": 0.5, "t2i:mAP@all @32": 0.6}
            writer.write(
                events.Scores(stage="teacher", epoch=epoch, on="validation", values=values)
            )
        writer.write(
            events.Loss(
                stage="teacher", epoch=epoch, step=step,
                values={"pairwise": 2 / number, "binary": 0.3, "total": 0.3 + 2 / number},
            )
        )
        next_at += 1 / rate
        time.sleep(max(0.0, next_at - time.monotonic()))
"""


def record(runs_dir: Path, count: int) -> int:
    """`count` finished runs; returns the bytes of their events."""
    from tests.tui import fixtures

    first = fixtures.finished(runs_dir, fixtures.spec(seed=0), 0)
    content, result = first.events.read_bytes(), first.result.read_bytes()
    content = content[: content.index(b"\n") + 1] + b"".join(
        line + b"\n" for line in content.splitlines()[1:] for _ in range(8)
    )
    for number in range(1, count):
        run = fixtures.folder(runs_dir, fixtures.spec(seed=number), number)
        run.events.write_bytes(content)
        run.result.write_bytes(result)
    return len(content) * count


def first_frame(runs_dir: Path, scratch: Path, times: int, *, afresh: bool = False) -> None:
    """Prints the median of each part over `times` starts: wall clock, and CPU of the process.
    `afresh` removes the index of summaries before each.
    """
    parts: dict[str, list[tuple[float, float]]] = {}
    whole = []
    for _ in range(times):
        if afresh:
            (runs_dir / ".index").unlink(missing_ok=True)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", PARTS, str(runs_dir), str(scratch)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        whole.append(time.perf_counter() - began)
        for line in done.stdout.splitlines():
            name, wall, cpu = line.rsplit(" ", 2)
            parts.setdefault(name, []).append((float(wall), float(cpu)))
    total_wall = total_cpu = 0.0
    print(f"{'part':<22}{'wall s':>8}{'cpu s':>8}   median of {times} warm starts")
    for name, values in parts.items():
        wall = statistics.median(one for one, _ in values)
        cpu = statistics.median(two for _, two in values)
        total_wall, total_cpu = total_wall + wall, total_cpu + cpu
        print(
            f"{name:<22}{wall:>8.3f}{cpu:>8.3f}   {total_wall:.3f} wall, {total_cpu:.3f} cpu so far"
        )
    print(f"{'whole process':<22}{statistics.median(whole):>8.3f}")


def list_of_runs(runs_dir: Path, times: int) -> None:
    """Prints how long `hashbench ls` takes, first without its index of summaries, then with it,
    beside the start of Python and of Typer alone.
    """
    program = "from hashbench.cli.main import main; main()"
    listing = [sys.executable, "-c", program, "ls", "--runs-dir", str(runs_dir)]
    index = runs_dir / ".index"
    commands: tuple[tuple[str, list[str], bool], ...] = (
        ("import typer", [sys.executable, "-c", "import typer"], False),
        ("ls without an index", listing, True),
        ("ls", listing, False),
    )
    print(f"{'command':<22}{'wall s':>8}{'cpu s':>8}   median of {times} warm starts")
    for name, command, afresh in commands:
        taken = []
        for _ in range(times):
            if afresh:
                index.unlink(missing_ok=True)
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)
            after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            taken.append((ended - began, cpu))
        wall, cpu = (statistics.median(values) for values in zip(*taken, strict=True))
        print(f"{name:<22}{wall:>8.3f}{cpu:>8.3f}")


async def keys_under_load(runs_dir: Path, scratch: Path, seconds: float) -> None:
    """Prints how long keys take, how often the screen is updated, and what memory it takes."""
    from hashbench.tui.app import Workbench

    me = psutil.Process()
    app = Workbench(runs_dir, scratch, settings_path=scratch / "settings.json")
    taken: list[float] = []
    spent: list[float] = []
    updates = 0
    taken_in = app.reader.taken

    def counted() -> None:
        nonlocal updates
        updates += 1
        taken_in()

    app.reader.taken = counted  # type: ignore[method-assign]
    async with app.run_test(size=(160, 48)):
        began = time.perf_counter()
        while app.loading[1] < 0 or len(app.views) < app.loading[1]:
            await asyncio.sleep(0.005)
        print(
            f"{len(app.views):,} runs shown {time.perf_counter() - began:.2f} s after first frame"
        )
        memory, updates = [me.memory_info().rss], 0
        started, busy = time.perf_counter(), time.process_time()
        shown = app.screen.query_one("#runs")
        keys = ("j", "j", "j", "k", "2", "1", "l", "m", "space", "pagedown", "pageup")
        while time.perf_counter() - started < seconds:
            key = keys[len(taken) % len(keys)]
            asked, before = time.perf_counter(), time.process_time()
            app.simulate_key(key)
            await _painted(app)
            taken.append(time.perf_counter() - asked)
            spent.append(time.process_time() - before)
            await asyncio.sleep(0.05)
            memory.append(me.memory_info().rss)
        wall = time.perf_counter() - started
        used = time.process_time() - busy
        assert shown.is_attached
    for name, values in (("wall clock", taken), ("cpu of the process", spent)):
        values.sort()
        at = [values[min(len(values) - 1, int(share * len(values)))] for share in (0.5, 0.95, 1)]
        summary = "median {:.0f} ms, 95th {:.0f} ms, worst {:.0f} ms".format(
            *(1000 * v for v in at)
        )
        print(f"{len(values)} keys, {name}: {summary}")
    print(f"{updates / wall:.1f} updates a second; {used / wall:.0%} of one core")
    print(
        f"memory {memory[0] / 2**20:.0f} MB at first, {max(memory) / 2**20:.0f} MB at most, "
        f"{memory[-1] / 2**20:.0f} MB at the end"
    )


def idle(runs_dir: Path, scratch: Path, seconds: float) -> None:
    """Prints what share of a core a workbench takes in a terminal where nothing happens."""
    program = "from hashbench.cli.main import main; main()"
    words = ["tui", "--runs-dir", str(runs_dir), "--data-dir", str(scratch)]
    terminal, theirs = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    settings = {"HASHBENCH_CONFIG": str(scratch), "TERM": "xterm-256color"}
    process = psutil.Popen(
        [sys.executable, "-c", program, *words],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=os.environ | settings,
    )  # fmt: skip
    os.close(theirs)
    shown = more = 0
    latest = time.monotonic() + START_SECONDS
    # it still starts, and reads what is there
    while (shown < FRAME_BYTES or more > QUIET_BYTES) and time.monotonic() < latest:
        more = _drain(terminal, 2.0)
        shown += more
        os.write(terminal, b"\x1b")  # closes the tour of the first start
    before, began = process.cpu_times(), time.perf_counter()
    painted = _drain(terminal, seconds)
    after, wall = process.cpu_times(), time.perf_counter() - began
    used = after.user + after.system - before.user - before.system
    process.terminate()
    process.wait()
    os.close(terminal)
    print(f"idle: {used:.2f} s of CPU in {wall:.0f} s, {used / wall:.2%} of a core, "
          f"{painted / wall:.0f} bytes a second to the terminal")  # fmt: skip


def _drain(terminal: int, seconds: float) -> int:
    """Reads what is painted for some time; returns how many bytes it was."""
    count, until = 0, time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            count += len(os.read(terminal, 1 << 16))
    return count


async def _painted(app: object) -> None:
    """Waits until the key was handled and what it changed was painted."""
    done = asyncio.Event()
    screen = app.screen  # type: ignore[attr-defined]
    app.call_later(lambda: screen.call_after_refresh(done.set))  # type: ignore[attr-defined]
    await done.wait()


def main() -> None:
    """Records, starts, loads, measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds of doing nothing")
    asked = parser.parse_args()
    from tests.tui import fixtures

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        few = scratch / "few"
        fixtures.one_of_each(few)
        runs_dir = scratch / "runs"
        size = record(runs_dir, asked.runs)
        dozen = scratch / "dozen"
        record(dozen, 12)
        print("\n12 finished runs, nobody touches a key")
        idle(dozen, scratch, asked.idle)
        print("\n8 runs in every state")
        first_frame(few, scratch, asked.starts)
        print(f"\n{asked.runs:,} finished runs, {size / 2**20:.0f} MB of events, no index yet")
        first_frame(runs_dir, scratch, asked.starts, afresh=True)
        print("\nthe same with the index of the last start")
        first_frame(runs_dir, scratch, asked.starts)
        print()
        list_of_runs(runs_dir, asked.starts)
        print(f"\n{asked.writers} writers of {asked.rate:g} events a second beside them")
        writers = []
        for number in range(asked.writers):
            run = fixtures.folder(runs_dir, fixtures.spec(bits=(64,), seed=number), 3000 + number)
            command = [sys.executable, "-c", WRITER, str(run.path), str(asked.rate)]
            writers.append(subprocess.Popen([*command, str(ROOT)], cwd=ROOT))
        try:
            seen = [run.name for run in runs_dir.iterdir()]
            _wait(lambda: all((runs_dir / name / "events.jsonl").is_file() for name in seen))
            asyncio.run(keys_under_load(runs_dir, scratch, asked.seconds))
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()


def _wait(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.05)


if __name__ == "__main__":
    main()
