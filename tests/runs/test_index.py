"""The index of summaries: as good as the files themselves, whatever happens to either."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashbench.plan.spec import to_toml
from hashbench.runs import events, index, tags
from hashbench.runs.index import FILE, Summary, summaries, summarise
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from tests.tui import fixtures


@pytest.fixture
def made(tmp_path: Path) -> dict[str, RunFolder]:
    return fixtures.one_of_each(tmp_path / "runs")


def listed(runs_dir: Path) -> dict[str, Summary]:
    return {run.id: summary for run, summary in summaries(runs_dir)}


def test_an_indexed_list_is_the_list_of_the_files(
    made: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_dir = made["lost"].path.parent
    fixtures.foreign(runs_dir)
    expected = {run.id: summarise(run) for run, _ in summaries(runs_dir)}
    read: list[str] = []
    original = index.summarise

    def counted(run: RunFolder, *more: object) -> Summary:
        read.append(run.id)
        return original(run, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(index, "summarise", counted)
    again = listed(runs_dir)
    assert set(again) == set(expected)
    for run_id, summary in again.items():
        assert summary == expected[run_id], run_id
    ended = {made[name].id for name in ("finished", "lsh", "failed", "stopped")}
    assert not ended & set(read)
    assert made["running"].id in read  # what lives is looked at each time


def test_an_entry_counts_only_while_the_files_are_as_they_were(made: dict[str, RunFolder]) -> None:
    runs_dir = made["lost"].path.parent
    before = listed(runs_dir)
    tags.write(made["finished"], "the good one", ["paper"])
    fixtures.write_events(made["failed"], [fixtures.started(alive=True, resumed=True)])
    made["lsh"].result.unlink()
    stopped = made["stopped"]
    stopped.spec.write_text(to_toml(fixtures.spec(seed=3, known_ratio=0.7)))
    after = listed(runs_dir)
    assert after[made["finished"].id].tags.name == "the good one"
    assert after[made["failed"].id].status.state is Status.RUNNING
    assert after[made["lsh"].id].status.state is Status.LOST
    spec = after[stopped.id].spec
    assert spec is not None
    assert spec.labels.known_ratio == 0.7
    assert before[stopped.id] != after[stopped.id]


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x92\xa1x\x80", b"\x92\xa3abc"])
def test_a_damaged_index_is_made_anew(made: dict[str, RunFolder], content: bytes) -> None:
    runs_dir = made["lost"].path.parent
    expected = listed(runs_dir)
    (runs_dir / FILE).write_bytes(content)
    assert listed(runs_dir) == expected
    assert (runs_dir / FILE).stat().st_size > len(content)
    (runs_dir / FILE).unlink()
    os.mkfifo(runs_dir / FILE)
    assert listed(runs_dir) == expected  # a pipe is never waited for


def test_runs_that_are_gone_leave_the_index(made: dict[str, RunFolder], tmp_path: Path) -> None:
    runs_dir = made["lost"].path.parent
    listed(runs_dir)
    made["lsh"].path.rename(tmp_path / "elsewhere")
    fixtures.write_events(made["lost"], [events.Stopped(reason="asked to stop")])
    assert made["lsh"].id not in listed(runs_dir)
    assert made["lsh"].id.encode() not in (runs_dir / FILE).read_bytes()


def test_a_folder_that_cannot_be_written_is_listed(
    made: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(index, "write_bytes_atomically", refuse)
    runs_dir = made["lost"].path.parent
    assert len(listed(runs_dir)) == 8
    assert not (runs_dir / FILE).exists()
