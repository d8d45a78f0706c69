"""A run that was killed or stopped and resumed gives the codes of one that was not, bit for bit."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from hashbench.errors import BusyError, InputError
from hashbench.launch import spawn as launch
from hashbench.runs import control, events, result
from hashbench.runs import status as statuses
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make, worker

EPOCHS = 60  # long enough to be met while it trains, some seconds in all


def codes(run: RunFolder) -> dict[str, np.ndarray]:
    with np.load(run.codes / "16.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def status(run: RunFolder) -> Status:
    return statuses.status(run).state


def wait_for(run: RunFolder, kind: type[events.Event], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not any(isinstance(event, kind) for event in read_all(run.events)):
        assert time.monotonic() < deadline, f"no {kind.__name__} event came"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    make = make_in(tmp_path_factory.mktemp("undisturbed"))
    run = make(epochs=EPOCHS)
    process = worker(run, data_dir)
    assert process.wait(timeout=120) == 0, run.log.read_text()
    assert status(run) is Status.FINISHED
    return codes(run)


def make_in(folder: Path) -> Make:
    import datetime

    from hashbench.plan.request import Request, expand
    from hashbench.runs import layout

    def create(**request: object) -> RunFolder:
        settled = {"dataset": ["picturebook-tiny"], "bits": [16], "threads": 1} | request
        (spec,) = expand(Request(**settled))  # type: ignore[arg-type]
        return layout.create(folder, spec, datetime.datetime.now(datetime.UTC))

    return create


def assert_same(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(actual[name], array, err_msg=name)


@pytest.mark.parametrize("moment", [events.StageBegan, events.EpochEnded, events.Scores])
def test_a_killed_run_resumes_to_the_same_codes(
    make: Make, data_dir: Path, undisturbed: dict[str, np.ndarray], moment: type[events.Event]
) -> None:
    run = make(epochs=EPOCHS)
    process = worker(run, data_dir)
    wait_for(run, moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert status(run) is Status.LOST
    assert not run.result.exists()
    again = launch.start(run, data_dir)
    assert again.wait(timeout=120) == 0, run.log.read_text()
    assert status(run) is Status.FINISHED
    assert_same(codes(run), undisturbed)
    sequence = [event.seq for event in read_all(run.events)]
    assert sequence == sorted(set(sequence))


def test_a_stopped_run_resumes_from_its_very_step(
    make: Make, data_dir: Path, undisturbed: dict[str, np.ndarray]
) -> None:
    run = make(epochs=EPOCHS)
    process = worker(run, data_dir)
    wait_for(run, events.EpochEnded)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert status(run) is Status.STOPPED
    before = read_all(run.events)
    saved = [event for event in before if isinstance(event, events.Saved)][-1]
    assert launch.start(run, data_dir).wait(timeout=120) == 0
    assert_same(codes(run), undisturbed)
    after = read_all(run.events)[len(before) :]
    first = next(event for event in after if isinstance(event, events.EpochEnded))
    assert (first.stage, first.epoch) == (saved.stage, saved.epoch)  # no epoch was done twice


def test_a_paused_run_waits_and_goes_on(
    make: Make, data_dir: Path, undisturbed: dict[str, np.ndarray]
) -> None:
    run = make(epochs=EPOCHS)
    process = worker(run, data_dir)
    wait_for(run, events.EpochEnded)
    control.send(run, "pause")
    wait_for(run, events.Paused)
    assert status(run) is Status.PAUSED
    with pytest.raises(BusyError):
        launch.start(run, data_dir)
    control.send(run, "go")
    assert process.wait(timeout=60) == 0
    assert_same(codes(run), undisturbed)


def test_a_second_worker_of_a_run_is_refused_and_a_finished_run_is_not_resumed(
    make: Make, data_dir: Path
) -> None:
    run = make(epochs=EPOCHS)
    first = worker(run, data_dir)
    wait_for(run, events.EpochEnded)
    control.send(run, "pause")
    wait_for(run, events.Paused)
    second = worker(run, data_dir)
    assert second.wait(timeout=60) == BusyError.exit_code
    assert "another worker" in run.log.read_text()
    control.send(run, "go")
    assert first.wait(timeout=60) == 0
    assert worker(run, data_dir).wait(timeout=60) == InputError.exit_code
    with pytest.raises(InputError, match="finished"):
        launch.start(run, data_dir)
    outcome = result.read(run.result)
    assert outcome.audit.clean
    assert outcome.selected["by"] == "validation"
    assert outcome.split["query"] == 60


def test_a_damaged_checkpoint_is_named(make: Make, data_dir: Path) -> None:
    run = make(epochs=EPOCHS)
    process = worker(run, data_dir)
    wait_for(run, events.Saved)
    process.kill()
    process.wait()
    path = run.checkpoint / "last.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    again = launch.start(run, data_dir)
    assert again.wait(timeout=60) == 2
    (failed,) = (event for event in read_all(run.events) if isinstance(event, events.Failed))
    assert "last.safetensors" in failed.reason
    assert "delete" in failed.remedy
