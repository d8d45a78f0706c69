"""Numbers of runs in trackers, read back from what each one writes; following a run live."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hashbench.files import locks
from hashbench.launch.followers import log_path, start_follower
from hashbench.runs import events
from hashbench.runs.layout import RunFolder
from hashbench.trackers import catalog, follow, replay
from hashbench.trackers.points import Point, PointReader
from tests.cli.conftest import Command
from tests.tui import fixtures

TEACHER, STUDENT = (stage.epochs * stage.steps for stage in fixtures.STAGES)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished run of 20 epochs."""
    return fixtures.finished(tmp_path / "runs", fixtures.spec(), 1)


def expected(run: RunFolder) -> dict[str, dict[int, float]]:
    """name -> step -> value, counted here from the events without folding them."""
    numbers: dict[str, dict[int, float]] = {}
    offsets = {"teacher": 0, "student": TEACHER}
    for line in run.events.read_bytes().splitlines():
        event = events.decode(line)
        match event:
            case events.Loss(stage=stage, epoch=epoch, step=step, values=values):
                at, prefix = offsets[stage] + 15 * epoch + step, f"loss/{stage}"
            case events.EpochEnded(stage=stage, epoch=epoch, values=values):
                at, prefix = offsets[stage] + 15 * (epoch + 1), f"epoch loss/{stage}"
            case events.Scores(stage=stage, epoch=epoch, on="validation", values=values):
                at, prefix = offsets[stage] + 15 * (epoch + 1), "validation"
            case events.Scores(on="test", values=values):
                at, prefix = TEACHER + STUDENT, "test"
            case events.Monitors(stage=stage, epoch=epoch, values=values):
                at, prefix = offsets[stage] + 15 * (epoch + 1), "monitor"
            case _:
                continue
        for name, value in values.items():
            numbers.setdefault(f"{prefix}/{name}", {})[at] = value
    return numbers


def test_points_are_the_events_numbers_at_their_steps(run: RunFolder) -> None:
    found: dict[str, dict[int, float]] = {}
    for point in replay.points_of(run):
        for name, value in point.values.items():
            found.setdefault(name, {})[point.step] = value
    assert found == expected(run)
    assert len(found["loss/teacher/total"]) == 30
    assert set(found["test/i2t:mAP@all @32"]) == {TEACHER + STUDENT}


def test_what_a_resumed_run_repeats_is_handed_over_once(run: RunFolder, tmp_path: Path) -> None:
    """Killed in epoch 6, with a checkpoint after epoch 3."""
    whole = fixtures.folder(tmp_path / "runs", fixtures.spec(seed=1), 2)
    sequence = list(fixtures.training(20))
    fixtures.write_events(whole, [fixtures.started(alive=False), *sequence])
    broken = fixtures.folder(tmp_path / "runs", fixtures.spec(seed=2), 3)
    after = 2 + 6 * 3  # the plan, the stage, and six events an epoch
    saved = events.Saved(stage="teacher", epoch=3, step=0)
    begun = [fixtures.started(alive=False), *sequence[:after], saved, *sequence[after : after + 15]]
    resumed = fixtures.started(alive=False, resumed=True)
    fixtures.write_events(broken, [*begun, resumed, *sequence[after:]])
    numbers = [[(p.step, p.values) for p in replay.points_of(one)] for one in (whole, broken)]
    assert numbers[0] == numbers[1]


def test_numbers_that_are_not_finite_are_left_out() -> None:
    reader = PointReader()
    loss = events.Loss(stage="a", epoch=0, step=1, values={"x": float("nan"), "y": 1.0})
    point = reader.read(loss)
    assert point is not None
    assert point.values == {"loss/a/y": 1.0}
    assert reader.read(events.Beat()) is None


def test_tensorboard_reads_the_event_files(
    run: RunFolder, tmp_path: Path, run_main: Command
) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    for _ in range(2):  # the second call replaces what the first wrote
        words = ["--to", "tensorboard", "-o", str(tmp_path / "tb")]
        code, out, _ = run_main("export", run.id, "--runs-dir", str(run.path.parent), *words)
        assert code == 0
        assert "tensorboard --logdir" in out
    found, wanted = read_tensorboard(tmp_path / "tb" / run.id), expected(run)
    assert set(found) == set(wanted)
    for tag, values in wanted.items():
        assert found[tag] == pytest.approx(values, rel=1e-6)  # they are single precision


def read_tensorboard(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        accumulator.Reload()
        return {
            tag: {one.step: one.value for one in accumulator.Scalars(tag)}
            for tag in accumulator.Tags()["scalars"]
        }


def test_wandb_keeps_a_run_offline(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own, since wandb leaves threads and a service behind."""
    pytest.importorskip("wandb", reason="needs the extra wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    words = ["export", run.id, "--runs-dir", str(run.path.parent), "--to", "wandb"]
    done = subprocess.run(
        [sys.executable, "-m", "hashbench", *words, "-o", str(tmp_path / "wb"), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '"numbers"' in done.stdout
    (file,) = (tmp_path / "wb").rglob("*.wandb")
    assert read_wandb(file) == expected(run)


def read_wandb(file: Path) -> dict[str, dict[int, float]]:
    from wandb.proto import wandb_internal_pb2

    numbers: dict[str, dict[int, float]] = {}
    for content in leveldb_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            row = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            for name, value in row.items():
                if name != "step" and not name.startswith("_"):
                    numbers.setdefault(name, {})[row["step"]] = value
    return numbers


def leveldb_records(log: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log: blocks of 32 KiB with fragments (checksum, length, kind)."""
    block, header, whole = 32 << 10, 7, b""
    at = header  # wandb's own, at the beginning
    while at + header <= len(log):
        if block - at % block < header:
            at += block - at % block  # the rest of a block is padding
            continue
        size = int.from_bytes(log[at + 4 : at + 6], "little")
        kind = log[at + 6]
        whole += log[at + header : at + header + size]
        at += header + size
        if kind in (1, 4):  # a whole record, or its last fragment
            yield whole
            whole = b""


def test_trackio_keeps_a_run_on_this_disk(run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="needs the extra trackio")
    words = ["export", run.id, "--runs-dir", str(run.path.parent), "--to", "trackio"]
    subprocess.run(
        [sys.executable, "-m", "hashbench", *words, "--project", "mine"],
        env={**os.environ, "TRACKIO_DIR": str(tmp_path / "tr")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (database,) = (tmp_path / "tr").glob("mine*.db")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select step, metrics from metrics").fetchall()
    connection.close()
    numbers: dict[str, dict[int, float]] = {}
    for step, metrics in rows:
        for name, value in json.loads(metrics).items():
            numbers.setdefault(name, {})[step] = value
    assert numbers == expected(run)


def test_the_table_holds_every_number(run: RunFolder, tmp_path: Path, run_main: Command) -> None:
    words = ("export", run.id, "--runs-dir", str(run.path.parent), "--to", "csv")
    code, out, _ = run_main(*words)
    assert code == 0
    numbers: dict[str, dict[int, float]] = {}
    for row in csv.DictReader(io.StringIO(out)):
        assert row["run"] == run.id
        numbers.setdefault(row["name"], {})[int(row["step"])] = float(row["value"])
    assert numbers == expected(run)
    code, out, _ = run_main(*words, "-o", str(tmp_path / "out.csv"))
    assert code == 0
    assert (tmp_path / "out.csv").read_text() == replay.table([run])


def test_a_tracker_that_is_missing_or_unknown_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Command
) -> None:
    monkeypatch.setattr(catalog.importlib.util, "find_spec", lambda name: None)
    start = ("run", "-m", "lsh", "--runs-dir", str(tmp_path / "runs"), "--track")
    code, _, err = run_main(*start, "wandb")
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "pip install 'hashbench[wandb]'" in err
    code, _, err = run_main(*start, "tensorbord")
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "did you mean tensorboard" in err


class Growing:
    """A sink into which a run's worker writes on while it is read."""

    def __init__(self, run: RunFolder, later: list[list[Any]], stack: ExitStack) -> None:
        self.points: list[Point] = []
        self._run, self._later, self._worker = run, later, stack

    def log(self, point: Point) -> None:
        self.points.append(point)
        if self._later:
            fixtures.write_events(self._run, self._later.pop(0))
        else:
            self._worker.close()  # the worker ends

    def close(self) -> str:
        return ""


def test_a_follower_reads_on_until_the_worker_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)
    run = fixtures.folder(tmp_path / "runs", fixtures.spec(), 1)
    sequence = list(fixtures.training(20))
    first, *later = [sequence[n : n + 40] for n in range(0, len(sequence), 40)]
    fixtures.write_events(run, [fixtures.started(alive=False), *first])
    with ExitStack() as worker:
        assert worker.enter_context(locks.held(run.lock, 0))
        sink = Growing(run, later, worker)
        follow.follow(run, sink)
    assert [p.values for p in sink.points] == [p.values for p in replay.points_of(run)]
    assert sink.points[-1].step == TEACHER + STUDENT


def test_a_tracker_that_fails_ends_its_follower_alone(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The follower of a tracker that is gone says so in its log and touches nothing of the run."""
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    monkeypatch.setattr(catalog.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["follow", str(run.path), "wandb"])
    assert follow.main() == 2
    assert "wandb is not installed" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_the_process_that_track_starts_fills_the_run_folder(run: RunFolder) -> None:
    """On a run that is over: it replays it and ends."""
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    assert start_follower(run, "tensorboard").wait() == 0, log_path(run, "tensorboard").read_text()
    found = read_tensorboard(run.path / "tensorboard")
    assert {tag: set(steps) for tag, steps in found.items()} == {
        tag: set(steps) for tag, steps in expected(run).items()
    }
