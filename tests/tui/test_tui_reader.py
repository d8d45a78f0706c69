"""The reader of all runs: every state, bad folders, growth by offset, coalescing."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Self

import pytest

from hashbench.report.run_series import LOSSES
from hashbench.runs import events, tags
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status, fold
from hashbench.runs.state_reader import HEAD_BYTES, TAIL_BYTES, read_ended_state
from hashbench.runs.tailer import read_all
from hashbench.tui import reader as reader_module
from hashbench.tui.reader import Reader, Update
from hashbench.tui.run_record import Watched
from hashbench.tui.run_row import RunView
from tests.tui import fixtures


class Published:
    """Takes what a reader publishes, at once."""

    def __init__(self, runs_dir: Path) -> None:
        self.views: dict[str, RunView] = {}
        self.watched: dict[str, Watched] = {}
        self.notices: list[str] = []
        self.updates: list[Update] = []
        self.reader = Reader(runs_dir, self._publish)

    def _publish(self, update: Update) -> None:
        self.updates.append(update)
        self.views |= update.views
        self.watched |= update.watched
        self.notices += update.notices
        for gone in update.gone:
            del self.views[gone]
        self.reader.taken()

    def look(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reads until nothing is left to read, and publishes all of it."""
        monkeypatch.setattr(reader_module, "PUBLISH_SECONDS", 0.0)
        monkeypatch.setattr(reader_module, "LOADING_SECONDS", 0.0)
        self.reader.look_now()
        while self.reader.step():
            pass
        self.reader.step()


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path / "runs")


def test_every_state_is_shown_as_what_it_is(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fixtures.one_of_each(published.reader.runs_dir)
    published.look(monkeypatch)
    assert {name: published.views[run.id].status for name, run in made.items()} == {
        "finished": Status.FINISHED, "lsh": Status.FINISHED, "failed": Status.FAILED,
        "lost": Status.LOST, "stopped": Status.STOPPED, "paused": Status.PAUSED,
        "running": Status.RUNNING, "queued": Status.QUEUED,
    }  # fmt: skip
    running = published.views[made["running"].id]
    assert (running.stage, running.epoch, running.epochs) == ("student", 3, 10)
    assert running.done == pytest.approx(0.10 + 0.85 * 13 / 20)  # features, training
    assert running.left is not None
    assert running.left > 0
    assert published.views[made["finished"].id].score_on == "test"
    assert "not finite" in published.views[made["failed"].id].reason
    assert "ended unexpectedly" in published.views[made["lost"].id].reason


def test_bad_folders_are_shown_and_harm_nobody(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures.foreign(published.reader.runs_dir)
    good = fixtures.finished(published.reader.runs_dir, fixtures.spec(seed=50), 30)
    published.look(monkeypatch)
    by_seed = {view.seed: view for view in published.views.values()}
    assert len(published.views) == 5
    assert "not a run spec" in by_seed[None].problem
    assert by_seed[11].problem == "2 lines of events.jsonl hold no event"
    assert by_seed[12].status is Status.QUEUED  # a pipe is never opened
    assert published.views[good.id].problem == ""


def test_new_events_and_vanished_folders_are_seen(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fixtures.folder(published.reader.runs_dir, fixtures.spec())
    published.look(monkeypatch)
    assert published.views[run.id].status is Status.QUEUED
    fixtures.write_events(run, [fixtures.started(alive=True), *fixtures.training(3)])
    published.look(monkeypatch)
    assert published.views[run.id].status is Status.RUNNING
    assert published.views[run.id].epoch == 3
    fixtures.finish(run, fixtures.spec(), 0.7)
    published.look(monkeypatch)
    assert published.views[run.id].status is Status.FINISHED
    assert published.views[run.id].score == pytest.approx(0.7, abs=0.02)
    shutil.rmtree(run.path)
    published.look(monkeypatch)
    assert published.views == {}
    assert published.notices == []
    fixtures.folder(published.reader.runs_dir, fixtures.spec())
    published.look(monkeypatch)
    shutil.rmtree(published.reader.runs_dir)
    published.look(monkeypatch)
    assert published.views == {}
    assert published.notices == [f"{published.reader.runs_dir} is gone"]


def test_an_ended_run_that_goes_on_elsewhere_is_seen(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fixtures.one_of_each(published.reader.runs_dir)["stopped"]
    published.look(monkeypatch)
    assert published.views[run.id].status is Status.STOPPED
    fixtures.write_events(run, [fixtures.started(alive=True, resumed=True)])
    published.look(monkeypatch)
    assert published.views[run.id].status is Status.RUNNING


def test_series_and_lines_come_for_what_is_watched_only(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fixtures.one_of_each(published.reader.runs_dir)
    published.look(monkeypatch)
    assert published.watched == {}
    published.reader.watch([made["lost"].id])
    published.look(monkeypatch)
    assert set(published.watched) == {made["lost"].id}
    watched = published.watched[made["lost"].id]
    assert {curve.name for curve in watched.curves.panels[LOSSES]} >= {"teacher total"}
    assert [line.text for line in watched.output][-1] == "last words before the kill"


def test_a_run_is_read_by_offset(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fixtures.one_of_each(published.reader.runs_dir)["running"]
    published.look(monkeypatch)
    read: list[int] = []
    original = Path.open

    class Counting:
        def __init__(self, path: Path) -> None:
            self._file = original(path, "rb")

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None:
            self._file.close()

        def seek(self, *where: int) -> int:
            return self._file.seek(*where)

        def read(self, limit: int) -> bytes:
            found = self._file.read(limit)
            read.append(len(found))
            return found

    def counted(path: Path, *arguments: object, **more: object) -> object:
        return Counting(path) if path == run.events else original(path, *arguments, **more)  # type: ignore[call-overload]

    before = run.events.stat().st_size
    fixtures.write_events(run, [events.Beat()])
    monkeypatch.setattr(Path, "open", counted)
    published.look(monkeypatch)
    assert sum(read) == run.events.stat().st_size - before


def test_no_update_is_sent_before_the_last_was_taken_in(tmp_path: Path) -> None:
    updates: list[Update] = []
    reader = Reader(tmp_path, updates.append)
    fixtures.folder(tmp_path, fixtures.spec(seed=1), 1)
    reader.step()
    fixtures.folder(tmp_path, fixtures.spec(seed=2), 2)
    for _ in range(5):
        reader.look_now()
        time.sleep(0.03)
        reader.step()
    assert len(updates) == 1
    reader.taken()
    time.sleep(reader_module.PUBLISH_SECONDS)
    reader.step()
    assert [len(update.views) for update in updates] == [1, 1]


def test_an_unreadable_folder_is_a_notice(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> list[RunFolder]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(reader_module.layout, "find", refuse)
    published.look(monkeypatch)
    published.look(monkeypatch)
    assert len(published.notices) == 1
    assert "Permission denied" in published.notices[0]


def test_a_missing_folder_is_empty_until_it_is_there(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.look(monkeypatch)
    assert published.updates[-1].loading == (0, 0)
    run = fixtures.folder(published.reader.runs_dir, fixtures.spec())
    published.look(monkeypatch)
    assert set(published.views) == {run.id}


def test_tags_are_seen_when_another_process_writes_them(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fixtures.finished(published.reader.runs_dir, fixtures.spec(), 1)
    published.look(monkeypatch)
    tags.write(run, "the good one", ["paper"])
    published.look(monkeypatch)
    assert published.views[run.id].name == "the good one"
    assert published.views[run.id].tags == ("paper",)
    damaged = run.path / "new"
    damaged.write_text("{ damaged")
    damaged.replace(tags.path_of(run))
    published.look(monkeypatch)
    assert published.views[run.id].name == ""


def test_head_and_tail_give_what_the_whole_file_does(tmp_path: Path) -> None:
    run = fixtures.folder(tmp_path, fixtures.spec())
    long = [
        events.Loss(stage="student", epoch=0, step=i, values={"total": 1.0}) for i in range(900)
    ]
    features = [events.Progress(what="features", done=i, total=40) for i in range(40)]
    published = [fixtures.started(alive=False), *features, *fixtures.training(10), *long]
    fixtures.write_events(run, [*published, *fixtures.training(20)])
    assert read_ended_state(run.events) is None  # nothing says that it is over
    fixtures.finish(run, fixtures.spec(), 0.8)
    assert run.events.stat().st_size > 2 * (HEAD_BYTES + TAIL_BYTES)
    short, whole = read_ended_state(run.events), fold(read_all(run.events))
    assert short is not None
    for name in ("started", "stages", "facts", "stage", "epoch", "test", "validation", "ended"):
        assert getattr(short, name) == getattr(whole, name), name


def test_time_left_is_the_pace_of_this_worker(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fixtures.folder(published.reader.runs_dir, fixtures.spec())
    plan = events.Planned(stages=(events.StagePlan("a", "A", 10, 10),))

    def losses(first: int, last: int) -> list[events.AnyEvent]:
        return [
            events.Loss(stage="a", epoch=0, step=step, values={"total": 1.0})
            for step in range(first, last)
        ]

    # 50 steps by a worker that is gone, then 10 steps of 2 s each by one that resumed
    fixtures.write_events(run, [fixtures.started(alive=False), plan, *losses(1, 51)], every=0.01)
    resumed = [fixtures.started(alive=True, resumed=True), *losses(51, 62)]
    fixtures.write_events(run, resumed, every=2.0)
    published.look(monkeypatch)
    assert published.views[run.id].left == pytest.approx((100 - 61) * 2.0)
