"""What runs take of their machine: events summed up, CPU and memory of a process."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.runs import events
from hashbench.runs.events import GpuUse, MachineUse
from hashbench.runs.machine_use import ProcessMeter, seconds_measured, total
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter

MIB = 2.0**20
USES = st.builds(
    MachineUse,
    seconds=st.floats(0.1, 1000),
    measured=st.just(0.0),
    cpu=st.floats(0, 64),
    memory=st.floats(0, 2**40),
    gpus=st.lists(
        st.builds(GpuUse, st.just(0), st.floats(0, 1), st.floats(0, 2**37), st.just(2.0**37),
                  st.floats(20, 90), st.floats(50, 700)),
        max_size=1,
    ).map(tuple),
)  # fmt: skip


def test_several_stretches_become_one_by_their_length() -> None:
    gpu = GpuUse(1, 0.5, 10.0, 80.0, 60.0, 300.0)
    hotter = GpuUse(1, 1.0, 20.0, 80.0, 50.0, 600.0)
    summed = total(
        [
            MachineUse(seconds=10, measured=10, cpu=1.0, memory=5.0, gpus=(gpu,)),
            MachineUse(seconds=30, measured=40, cpu=2.0, memory=4.0, gpus=(hotter,)),
        ]
    )
    assert summed.seconds == 40
    assert summed.cpu == pytest.approx(1.75)
    assert summed.memory == 5.0
    (of_gpu,) = summed.gpus
    assert of_gpu == GpuUse(1, 0.875, 20.0, 80.0, 60.0, 525.0)
    assert summed.energy == pytest.approx(10 * 300 + 30 * 600)


@settings(max_examples=30)
@given(st.lists(USES, min_size=1, max_size=8), st.integers(0, 8))
def test_a_sum_of_sums_is_the_sum(uses: list[MachineUse], cut: int) -> None:
    """Readings are summed up to stretches, and stretches to runs: nothing is lost between."""
    parts = [part for part in (uses[:cut], uses[cut:]) if part]
    stretches = [
        MachineUse(seconds=s.seconds, measured=0, cpu=s.cpu, memory=s.memory, gpus=s.gpus)
        for s in map(total, parts)
    ]
    at_once, in_parts = total(uses), total(stretches)
    assert in_parts.seconds == pytest.approx(at_once.seconds, abs=0.01)
    assert in_parts.cpu == pytest.approx(at_once.cpu, rel=0.01, abs=0.001)
    assert in_parts.memory == at_once.memory
    assert [gpu.temperature for gpu in in_parts.gpus] == [gpu.temperature for gpu in at_once.gpus]


def test_what_a_driver_does_not_measure_is_not_made_up() -> None:
    use = MachineUse(seconds=1, measured=1, cpu=1, memory=1, gpus=(GpuUse(0, memory=3.0),))
    summed = total([use])
    assert summed.gpus == (GpuUse(0, memory=3.0),)
    assert summed.energy is None


def test_the_end_of_a_run_says_what_it_took(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as writer:
        for number in range(1, 6):
            writer.write(MachineUse(seconds=2, measured=2.0 * number, cpu=number, memory=number))
        writer.write(events.Stopped(reason="asked to stop"))
    state = read_ended_state(path)
    assert state is not None
    assert state.ended is not None
    assert state.ended.machine == total(e for e in read_all(path) if isinstance(e, MachineUse))
    assert state.ended.machine is not None
    assert (state.ended.machine.cpu, state.ended.machine.memory) == (3.0, 5.0)
    # a resumed worker goes on counting where the one before stopped
    assert seconds_measured(path) == 10.0
    assert seconds_measured(tmp_path / "none.jsonl") == 0.0


def test_hostile_numbers_are_no_events() -> None:
    good = json.loads(events.encode(MachineUse(seconds=1, measured=1, cpu=1, memory=1)))
    assert isinstance(events.decode(json.dumps(good).encode()), MachineUse)
    for key, value in (("seconds", -1), ("memory", 1e300), ("cpu", 1e9), ("gpus", [{"index": -1}])):
        assert events.decode(json.dumps(good | {key: value}).encode()) is None, key


def test_a_meter_sees_work_and_memory() -> None:
    meter = ProcessMeter(os.getpid())
    seconds, memory = meter.read()
    began = time.process_time()
    held = mmap.mmap(-1, 64 << 20)  # new pages; a bytearray may get freed ones
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    while time.process_time() - began < 0.2:
        sum(range(1000))
    later, more = meter.read()
    assert later - seconds == pytest.approx(time.process_time() - began, abs=0.1)
    assert more - memory > 40 * MIB
    held.close()


def test_children_count_while_they_live_and_after() -> None:
    code = (
        "import time; held = bytearray(96 << 20); held[::4096] = b'x' * len(held[::4096])\n"
        "while time.process_time() < 0.3: sum(range(1000))\n"
        "print(len(held), flush=True); input()"
    )
    before = ProcessMeter(os.getpid()).read()
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    meter = ProcessMeter(os.getpid())  # looks for children at once
    with_child = meter.read()
    assert with_child[0] - before[0] > 0.25
    assert with_child[1] - before[1] > 80 * MIB
    child.communicate(b"\n")
    after = meter.read()
    assert after[0] >= with_child[0]  # what it took stays counted
    assert with_child[1] - after[1] > 80 * MIB


def test_a_process_that_is_gone_is_told() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    meter = ProcessMeter(child.pid)
    child.communicate(b"\n")
    with pytest.raises(psutil.Error):
        meter.read()
