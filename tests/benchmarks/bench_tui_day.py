"""What memory the workbench takes over a day, simulated: its events are replayed at full speed.

    python tests/benchmarks/bench_tui_day.py [--hours 24] [--workers 8] [--rate 2] [--hold 4]

In each simulated hour every worker appends an hour of events (`--rate` of them a second: losses,
and by the epoch validation scores, monitors, recovered labels, and lines of output), the workbench
reads them, another run is watched, and screens are opened and left. After `--hold` hours the runs
end and others begin, so that the number of runs grows as it does over a day. Printed are resident
memory and the number of Python's objects at the end of each hour; at the end, the growth of the
second half, which is what a longer day would go on with.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from hashbench.runs.events import AnyEvent
    from hashbench.runs.layout import RunFolder
    from hashbench.tui.app import Workbench

STEPS_AN_EPOCH = 100
SCREENS = (
    ("enter", "2", "3", "escape"),
    ("w", "escape"),
    ("n", "escape"),
    ("question_mark", "escape"),
)


class Writer:
    """A worker's events, a simulated hour at a time."""

    def __init__(self, run: RunFolder, hours: float, rate: float) -> None:
        from hashbench.runs import events
        from tests.tui import fixtures

        self._run, self._step, self._seq = run, 0, 0
        self._clock, self._rate = time.time() - 86_400.0, rate
        epochs = max(1, int(hours * 3600 * rate / STEPS_AN_EPOCH))
        plan = events.StagePlan("teacher", "Teacher", epochs, STEPS_AN_EPOCH)
        self._append([fixtures.started(alive=True), events.Planned(stages=(plan,))])
        self._append([events.StageBegan(stage="teacher")])

    def hour(self) -> int:
        """Appends an hour of events; returns how many."""
        made = list(self._events(int(3600 * self._rate)))
        self._append(made)
        with self._run.log.open("a") as log:
            log.writelines(f"step {self._step}, line {number} of output\n" for number in range(600))
        return len(made)

    def end(self) -> None:
        """The run is over; without a result, which none of the screens needs."""
        from hashbench.runs import events

        self._append([events.Stopped(reason="the day is over")])

    def _events(self, steps: int) -> Iterator[AnyEvent]:
        from hashbench.runs import events

        for _ in range(steps):
            epoch, step = divmod(self._step, STEPS_AN_EPOCH)
            self._step += 1
            values = {"pairwise": 1 / (1 + self._step), "binary": 0.3, "total": 0.4}
            yield events.Loss(stage="teacher", epoch=epoch, step=step, values=values)
            if step == STEPS_AN_EPOCH - 1:
                yield events.EpochEnded(stage="teacher", epoch=epoch, values=values, seconds=50.0)
                level = {"i2t:mAP@all @32": 0.5, "t2i:mAP@all @32": 0.6}
                yield events.Scores(stage="teacher", epoch=epoch, on="validation", values=level)
                balance = {"bit balance": 0.4, "gradient": 1 / (1 + epoch)}
                yield events.Monitors(stage="teacher", epoch=epoch, values=balance)
                shares = {"precision": 0.9, "recall": 0.4, "count": 100.0}
                yield events.Recovery(stage="teacher", epoch=epoch, values=shares)

    def _append(self, made: list[AnyEvent]) -> None:
        from hashbench.runs import events

        lines = []
        for event in made:
            self._clock += 1 / self._rate
            stamped = msgspec.structs.replace(event, seq=self._seq, t=self._clock)
            lines.append(events.encode(stamped))
            self._seq += 1
        with self._run.events.open("ab") as file:
            file.write(b"".join(lines))


async def _read_all(app: Workbench, runs: list[RunFolder]) -> None:
    """Waits until the workbench has read whatever the runs hold."""
    while True:
        app.reader.look_now()
        await asyncio.sleep(0.3)
        records = [app.reader._records.get(run.id) for run in runs]
        behind = [
            record
            for record in records
            if record is None or (record.tail is not None and not record.tail.caught_up)
        ]
        sizes = {run.id: run.events.stat().st_size for run in runs}
        stale = [r for r in records if r and r.stamp and r.stamp.size != sizes[r.run.id]]
        if not behind and not stale:
            return


async def a_day(runs_dir: Path, scratch: Path, asked: argparse.Namespace) -> None:
    """Simulates it, and prints what it took."""
    from hashbench.tui.app import Workbench
    from tests.tui import fixtures

    me, memory, total, made = psutil.Process(), list[tuple[float, int]](), 0, 0
    app = Workbench(runs_dir, scratch, settings_path=scratch / "settings.json", machine=None)
    print(f"{'hour':>4}{'runs':>6}{'events':>12}{'resident MB':>13}{'objects':>11}")
    async with app.run_test(size=(160, 48)):
        writers: list[Writer] = []
        runs: list[RunFolder] = []
        starts: list[int] = []
        for hour in range(asked.hours):
            if hour % asked.hold == 0:
                for writer in writers:
                    writer.end()
                specs = (fixtures.spec(seed=made + number) for number in range(asked.workers))
                fresh = [fixtures.folder(runs_dir, one, made + n) for n, one in enumerate(specs)]
                writers = [Writer(run, asked.hold, asked.rate) for run in fresh]
                runs += fresh
                made += asked.workers
            total += sum(writer.hour() for writer in writers)
            await _read_all(app, runs)
            await _use(app, hour)
            gc.collect()
            resident, objects = me.memory_info().rss / 2**20, len(gc.get_objects())
            starts.append(len(runs))
            memory.append((resident, objects))
            print(
                f"{hour + 1:>4}{len(runs):>6}{total:>12,}{resident:>13.1f}{objects:>11,}",
                flush=True,
            )
    half = len(memory) // 2
    used = sum(os.times()[:2])
    print(f"{total:,} events in {used:.0f} s of CPU")
    grown = [last - first for first, last in zip(memory[half], memory[-1], strict=True)]
    print(
        f"from hour {half + 1} to hour {len(memory)}: {grown[0]:+.1f} MB, {grown[1]:+,} objects, "
        f"{len(runs) - starts[half]} more runs"
    )


async def _use(app: Workbench, hour: int) -> None:
    """What a person does now and then."""
    for key in ("j", "1", "2", "j", *SCREENS[hour % len(SCREENS)]):
        app.simulate_key(key)  # a pilot would give up where the machine is busy
        await asyncio.sleep(0.2)


def main() -> None:
    """Simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--hold", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "runs").mkdir()
        asyncio.run(a_day(scratch / "runs", scratch, asked))


if __name__ == "__main__":
    main()
