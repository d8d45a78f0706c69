"""The queue's order, its slots, and what becomes of those who die, pause or leave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.files import locks
from hashbench.files.locks import Lock
from hashbench.runs import queue, slots
from hashbench.runs.queue import Queue
from hashbench.runs.slots import Limits


@pytest.fixture(autouse=True, params=["flock", "lease"])
def no_gpu(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Each test on a disk with file locks, and on one where claims are leases."""
    monkeypatch.setenv(locks.VARIABLE, request.param)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv(slots.VARIABLE, raising=False)


@pytest.fixture
def line(tmp_path: Path) -> Queue:
    return queue.of(tmp_path)


@pytest.fixture
def entered(line: Queue) -> Iterator[dict[str, Lock]]:
    """Open tickets by run, closed at the end."""
    held: dict[str, Lock] = {}
    yield held
    for lock in held.values():
        lock.close()


def enter(
    line: Queue, held: dict[str, Lock], *runs: str, device: str = "auto", **more: int
) -> None:
    for run in runs:
        held[run] = line.enter(run, device, more.get("priority", 0))


def standing(line: Queue) -> list[str]:
    return [entry.run_id for entry in line.waiting()]


def test_first_come_first_served(line: Queue, entered: dict[str, Lock]) -> None:
    enter(line, entered, "a", "b", "c")
    assert standing(line) == ["a", "b", "c"]
    assert line.turn("b") is None
    first = line.turn("a")
    assert first is not None
    assert first.place.name == "cpu.0"
    assert [run for _, run in line.slots()] == ["a"]
    assert line.turn("b") is None  # its turn, but no slot
    first.close()
    assert line.turn("c") is None  # a slot, but not its turn
    second = line.turn("b")
    assert second is not None
    second.close()
    assert standing(line) == ["c"]


def test_priorities_go_first_and_can_be_changed(line: Queue, entered: dict[str, Lock]) -> None:
    enter(line, entered, "a", "b")
    enter(line, entered, "urgent", priority=5)
    enter(line, entered, "patient", priority=-5)
    enter(line, entered, "c")
    assert standing(line) == ["urgent", "a", "b", "c", "patient"]
    line.prefer("c", 1)
    assert standing(line) == ["urgent", "c", "a", "b", "patient"]
    slot = line.turn("urgent")
    assert slot is not None
    slot.close()
    assert line.turn("a") is None
    with pytest.raises(InputError, match="does not wait"):
        line.prefer("urgent", 1)
    for wrong in (-1000, 1000):
        with pytest.raises(InputError, match="out of range"):
            line.prefer("a", wrong)
        with pytest.raises(InputError, match="out of range"):
            line.enter("z", "auto", wrong)


@settings(max_examples=15)
@given(st.lists(st.integers(-3, 3), max_size=8))
def test_the_order_is_by_priority_then_by_arrival(
    tmp_path_factory: pytest.TempPathFactory, priorities: list[int]
) -> None:
    line = queue.of(tmp_path_factory.mktemp("order"))
    entered = [line.enter(str(i), "auto", priority) for i, priority in enumerate(priorities)]
    expected = sorted(range(len(priorities)), key=lambda i: (-priorities[i], i))
    assert standing(line) == [str(i) for i in expected]
    for lock in entered:
        lock.close()
    assert standing(line) == []


def test_as_many_as_there_are_slots(line: Queue, entered: dict[str, Lock]) -> None:
    line.set_limits(Limits(cpu=2))
    enter(line, entered, "a", "b", "c")
    taken = [line.turn("b"), line.turn("a")]  # both have a slot; who asks first does not matter
    assert None not in taken
    assert line.turn("c") is None
    line.set_limits(Limits(cpu=3))
    third = line.turn("c")
    assert third is not None
    for slot in (*taken, third):
        assert slot is not None
        slot.close()


def test_no_slots_let_nothing_begin(line: Queue, entered: dict[str, Lock]) -> None:
    line.set_limits(Limits(cpu=0))
    enter(line, entered, "a")
    assert line.turn("a") is None
    assert line.take_now("b", "auto") is None


def test_a_run_that_does_not_wait_takes_a_slot_from_those_that_do(
    line: Queue, entered: dict[str, Lock]
) -> None:
    enter(line, entered, "a")
    slot = line.take_now("impatient", "auto")
    assert slot is not None
    assert line.turn("a") is None
    assert line.take_now("another", "auto") is None
    slot.close()
    mine = line.turn("a")
    assert mine is not None
    mine.close()


def test_who_dies_loses_place_and_slot(line: Queue, entered: dict[str, Lock]) -> None:
    enter(line, entered, "dead", "alive")
    entered.pop("dead").close()  # as the operating system does when a process ends
    assert standing(line) == ["alive"]
    slot = line.turn("alive")
    assert slot is not None
    assert not [entry for entry in (line.folder / "tickets").iterdir() if "dead" in entry.name]
    slot.close()
    # a slot whose holder is killed is free at once
    code = (
        "import sys\nfrom pathlib import Path\nfrom hashbench.runs import queue\n"
        "slot = queue.of(Path(sys.argv[1])).take_now('x', 'auto')\n"
        "print(slot is not None, flush=True)\nsys.stdin.read()"
    )
    runs_dir = str(line.folder.parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", code, runs_dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        assert line.take_now("y", "auto") is None
        process.kill()
        process.wait()
    slot = line.take_now("y", "auto")
    assert slot is not None
    slot.close()


def test_a_place_is_inherited(line: Queue) -> None:
    lock = line.enter("a", "auto", 0)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=lock.files,
    ) as process:
        lock.hand_over(process.pid)
        assert standing(line) == ["a"]
        process.kill()
        process.wait()
    assert standing(line) == []


def test_a_held_run_keeps_its_place_and_lets_others_pass(
    line: Queue, entered: dict[str, Lock]
) -> None:
    enter(line, entered, "a", "b")
    line.hold("a", held=True)
    assert [entry.ticket.held for entry in line.waiting()] == [True, False]
    slot = line.turn("b")
    assert slot is not None
    slot.close()
    enter(line, entered, "c")
    line.hold("a", held=False)
    assert standing(line) == ["a", "c"]
    assert line.turn("c") is None


def test_gpus_are_preferred_and_named_by_the_machine(
    line: Queue, entered: dict[str, Lock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    enter(line, entered, "a", "b", "c")
    enter(line, entered, "cpu", device="cpu")
    taken = {run: line.turn(run) for run in ("a", "b", "c", "cpu")}
    places = {run: slot and (slot.place.name, slot.place.device) for run, slot in taken.items()}
    assert places == {
        "a": ("gpu-3.0", "cuda:0"),
        "b": ("gpu-5.0", "cuda:1"),
        "c": None,  # auto waits for a GPU where there are some
        "cpu": ("cpu.0", "cpu"),  # and does not stand in the way of who wants none
    }
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")  # another process sees one of them only
    assert line.take_now("d", "cuda") is None
    slot = taken["b"]
    assert slot is not None
    slot.close()
    again = line.take_now("d", "cuda:0")
    assert again is not None
    assert again.place.name == "gpu-5.0"
    for slot in (taken["a"], taken["cpu"], again):
        assert slot is not None
        slot.close()


@pytest.mark.parametrize(
    "text", ["", "cpu", "cpu=", "cpu=-1", "cpu=x", "tpu=1", "cpu=9999", "cpu=1;gpu=1", "cpu=²"]
)
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(InputError):
        slots.parse(text, where="--slots")


def test_limits_come_from_the_environment_first(
    line: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.set_limits(Limits(cpu=3))
    assert slots.limits(line.folder) == Limits(cpu=3, gpu=1)
    monkeypatch.setenv(slots.VARIABLE, "cpu=5")
    assert slots.limits(line.folder) == Limits(cpu=5, gpu=1)
    monkeypatch.delenv(slots.VARIABLE)
    (line.folder / "slots.json").write_text('{"cpu": "many"}')
    with pytest.raises(InputError, match="does not set numbers of slots"):
        line.take_now("a", "auto")


def test_foreign_files_and_a_damaged_counter_do_no_harm(
    line: Queue, entered: dict[str, Lock]
) -> None:
    enter(line, entered, "a")
    (line.folder / "tickets" / "notes.txt").write_text("x")
    (line.folder / "tickets" / "12-x").write_text("x")
    (line.folder / "next").write_text("many")
    enter(line, entered, "b")
    assert standing(line) == ["a", "b"]
    for name in (line.folder / "tickets").iterdir():
        if name.name.endswith("-a"):
            name.write_text("{")  # a ticket that says nothing counts by its place
    assert line.turn("b") is None
    slot = line.turn("a")
    assert slot is not None
    slot.close()
    with pytest.raises(LookupError):
        line.turn("a")


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / queue.FOLDER).write_text("in the way")
    with pytest.raises(InputError, match="queue's folder"):
        queue.of(tmp_path).enter("a", "auto", 0)


def test_fewer_slots_count_the_runs_that_began_with_more(
    line: Queue, entered: dict[str, int]
) -> None:
    line.set_limits(Limits(cpu=2))
    enter(line, entered, "a", "b", "c", "d")
    first, second = line.turn("a"), line.turn("b")
    assert first is not None
    assert second is not None
    line.set_limits(Limits(cpu=1))
    assert {place.name: run for place, run in line.slots()} == {"cpu.0": "a", "cpu.1": "b"}
    first.close()  # its slot is within the limit, but b still trains beyond it
    assert line.turn("c") is None
    assert line.take_now("x", "cpu") is None
    second.close()
    third = line.turn("c")
    assert third is not None
    assert [run for _, run in line.slots()] == ["c"]
    third.close()
    line.set_limits(Limits(cpu=0))
    assert line.turn("d") is None
