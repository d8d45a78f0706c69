"""The one answer to what a run is doing: state, share done, time left, reason and remedy."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.plan.request import Request, expand
from hashbench.runs import control, events, layout, processes, queue, slots
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import EVALUATION_SHARE, FEATURES_SHARE, RunState, Status, fold
from hashbench.runs.status import RunStatus, status, status_of
from hashbench.runs.writer import EventWriter

STAGES = (StagePlan("teacher", "Teacher", 4, 10), StagePlan("student", "Student", 2, 10))
TRAINING_SHARE = 1 - FEATURES_SHARE - EVALUATION_SHARE


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (spec,) = expand(Request(method=["lsh"], dataset=["picturebook-tiny"]))
    return layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))


def timed(sequence: Iterable[tuple[float, AnyEvent]]) -> list[AnyEvent]:
    """The events with their times."""
    return [msgspec.structs.replace(event, t=time) for time, event in sequence]


def started(*, resumed: bool = False) -> events.Started:
    return events.Started(**processes.this(), resumed=resumed)


def features(done: int) -> events.Progress:
    return events.Progress(what="features", done=done, total=100)


def loss(stage: str, epoch: int, step: int) -> events.Loss:
    return events.Loss(stage=stage, epoch=epoch, step=step, values={"total": 1.0})


def now(run: RunFolder, sequence: Sequence[AnyEvent]) -> RunStatus:
    return status_of(run, fold(sequence))


def test_extraction_has_a_share_and_a_time_left(run: RunFolder) -> None:
    sequence = timed([(0, started()), *((i, features(10 * i)) for i in range(1, 5))])
    current = now(run, sequence)
    assert current.doing == "features 40 of 100"
    assert current.done == pytest.approx(FEATURES_SHARE * 0.4)
    assert current.seconds_left == pytest.approx(6.0)  # ten a second, sixty to go


def test_a_resumed_run_counts_from_its_checkpoint_at_the_pace_of_its_worker(run: RunFolder) -> None:
    first = [
        (0.0, started()),
        (0.0, events.Planned(stages=STAGES)),
        (0.0, events.StageBegan(stage="teacher")),
        (0.0, events.Saved(stage="teacher", epoch=0, step=0)),
        *((0.01 * step, loss("teacher", 0, step)) for step in range(1, 11)),
        (0.2, events.EpochEnded(stage="teacher", epoch=0, values={}, seconds=0.1)),
        (0.2, events.Saved(stage="teacher", epoch=1, step=0)),
        (0.4, loss("teacher", 1, 9)),  # lost with the worker
    ]
    again = [
        (1000.0, started(resumed=True)),
        (1001.0, features(50)),
        (1060.0, features(100)),  # a minute of preparation is no pace of training
        (1060.0, events.Planned(stages=STAGES)),
    ]
    current = now(run, timed([*first, *again]))
    assert current.done == pytest.approx(FEATURES_SHARE + TRAINING_SHARE * 10 / 60)
    assert current.seconds_left is None  # nothing was timed yet
    training = [
        (1061.0, events.StageBegan(stage="teacher")),
        *((1061.0 + 2 * step, loss("teacher", 1, step)) for step in range(1, 4)),
    ]
    current = now(run, timed([*first, *again, *training]))
    assert (current.stage, current.epoch, current.doing) == (
        "teacher", 1, "teacher epoch 2 of 4",
    )  # fmt: skip
    assert current.done == pytest.approx(FEATURES_SHARE + TRAINING_SHARE * 13 / 60)
    assert current.seconds_left == pytest.approx(2.0 * 47)  # two seconds a step, 47 to go


def test_a_stage_goes_at_its_own_pace_and_later_ones_at_the_latest(run: RunFolder) -> None:
    sequence = timed(
        [
            (0.0, started()),
            (0.0, events.Planned(stages=STAGES)),
            *((1.0 * step, loss("teacher", 0, step)) for step in range(1, 5)),
        ]
    )
    assert now(run, sequence).seconds_left == pytest.approx(36 + 20)
    sequence += timed(
        [(5.0, events.StageBegan(stage="student"))]
        + [(5.0 + 3 * step, loss("student", 0, step)) for step in range(1, 5)]
    )
    assert now(run, sequence).seconds_left == pytest.approx(3.0 * 16)


def test_preparations_between_steps_add_to_the_time_left(run: RunFolder) -> None:
    search = [
        (20.0 + i, events.Progress(what="label search", done=i, total=10)) for i in range(1, 4)
    ]
    sequence = timed(
        [
            (0.0, started()),
            (0.0, events.Planned(stages=STAGES)),
            *((1.0 * step, loss("teacher", 0, step)) for step in range(1, 11)),
            *search,
        ]
    )
    current = now(run, sequence)
    assert current.doing == "label search 3 of 10"
    assert current.seconds_left == pytest.approx(7 + 50)


def test_the_evaluation_is_named_and_not_the_end(run: RunFolder) -> None:
    trained = [
        started(),
        events.Planned(stages=STAGES),
        events.StageBegan(stage="student"),
        events.EpochEnded(stage="student", epoch=1, values={}, seconds=1.0),
        events.Saved(stage="student", epoch=0, step=0),  # after the last stage
    ]
    for sequence in (trained, [*trained, started(resumed=True)]):
        current = now(run, sequence)
        assert (current.doing, current.seconds_left) == ("evaluation", None)
        assert current.done == pytest.approx(1 - EVALUATION_SHARE)
    run.result.write_text("{}")
    assert now(run, [*trained, events.Finished(seconds=1.0)]).done == 1.0


@given(st.integers(0, 10), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
def test_the_share_rises_from_0_to_1(extracted: int, stages: int, epochs: int, steps: int) -> None:
    plans = tuple(StagePlan(f"s{i}", "S", epochs, steps) for i in range(stages))
    sequence: list[AnyEvent] = [started()]
    sequence += [events.Progress(what="features", done=i, total=10) for i in range(extracted)]
    sequence.append(events.Planned(stages=plans))
    for plan in plans:
        sequence.append(events.StageBegan(stage=plan.name))
        for epoch in range(epochs):
            sequence += [loss(plan.name, epoch, step + 1) for step in range(steps)]
            sequence.append(events.EpochEnded(stage=plan.name, epoch=epoch, values={}, seconds=1))
            sequence.append(events.Saved(stage=plan.name, epoch=epoch + 1, step=0))
    sequence.append(events.Finished(seconds=1.0))
    state, shares = RunState(), []
    for event in sequence:
        state.add(event)
        share = state.share_done()
        assert share is not None
        shares.append(share)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_what_ended_has_a_reason_and_a_remedy(run: RunFolder) -> None:
    gone = events.Started(**(processes.this() | {"pid": 2**22 - 1}))
    lost = now(run, [gone])
    assert (lost.state, lost.reason) == (Status.LOST, "its worker ended unexpectedly")
    assert f"hashbench resume {run.id}" in lost.remedy
    away = now(run, [events.Started(**(processes.this() | {"host": "elsewhere"}))])
    assert "elsewhere" in away.reason
    unfinished = now(run, [gone, events.Finished(seconds=1.0)])
    assert unfinished.state is Status.LOST
    assert "result.json is missing" in unfinished.reason
    stopped = now(run, [gone, events.Stopped(reason="asked to stop")])
    assert stopped.reason == "asked to stop"
    assert "resume" in stopped.remedy
    failed = now(run, [gone, events.Failed(reason="nan", remedy="a smaller rate")])
    assert (failed.reason, failed.remedy) == ("nan", "a smaller rate")
    assert f"retry {run.id}" in now(run, [gone, events.Failed(reason="nan")]).remedy
    fresh = now(run, [])
    assert (fresh.state, fresh.doing, fresh.done) == (Status.QUEUED, "not started", None)
    assert "resume" in fresh.remedy


def test_a_paused_run_keeps_its_slot_and_a_request_is_shown(run: RunFolder) -> None:
    slot = events.Fact(name="slot", value="cpu.0")
    assert now(run, [started(), slot, events.Paused()]).doing == "paused, keeps its slot cpu.0"
    control.send(run, "stop")
    assert now(run, [started(), slot]).doing == "asked to stop: finishes its step and saves"


def test_who_waits_says_for_what_and_at_which_place(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(slots.VARIABLE, "cpu=0")
    line = queue.of(run.path.parent)
    tickets = [line.enter(name, "cpu", 0) for name in ("another", run.id)]
    waits = events.Queued(**processes.this(), device="cpu", priority=2)
    with EventWriter(run.events) as writer:
        writer.write(waits)
    current = status(run)
    assert (current.state, current.position) == (Status.QUEUED, 2)
    assert current.doing == "waits for cpu, number 2 in the queue, priority 2"
    held = now(run, [waits, events.Paused()])
    assert held.state is Status.PAUSED
    assert held.doing.endswith("lets others pass")
    assert len(tickets) == 2


def test_a_folder_of_an_earlier_version_reads(run: RunFolder) -> None:
    """`wish` was the name of `control`, `mark` and `facts` of a worker came later."""
    lines = [
        b'{"kind":"started","pid":4194303,"since":1.0,"host":"elsewhere","v":1,"seq":0,"t":5.0}',
        b'{"kind":"planned","stages":[{"name":"a","title":"A","epochs":2,"steps":2}],"seq":1}',
        b'{"kind":"epoch","stage":"a","epoch":0,"values":{},"seconds":1.0,"seq":2,"t":6.0}',
        b'{"kind":"another kind","seq":3}',
        b'{"kind":"stopped","reason":"asked to stop","seq":4,"t":7.0}',
    ]
    run.events.write_bytes(b"\n".join(lines) + b"\n")
    (run.path / "wish").write_bytes(b"stop")
    current = status(run)
    assert (current.state, current.reason) == (Status.STOPPED, "asked to stop")
    assert current.done == pytest.approx(FEATURES_SHARE + TRAINING_SHARE / 2)
    assert control.read(run) is None
