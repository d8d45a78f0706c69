"""Deleted runs: kept whole, hidden from every list, had back, removed for good later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashbench.errors import InputError
from hashbench.launch import actions
from hashbench.runs import layout, trash
from hashbench.runs.layout import RunFolder
from tests.tui import fixtures


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    return [fixtures.finished(tmp_path, fixtures.spec(seed=seed), seed) for seed in range(3)]


def content(run: RunFolder) -> dict[str, bytes]:
    return {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in sorted(run.path.rglob("*"))
        if path.is_file()
    }


def test_what_was_deleted_together_comes_back_together_as_it_was(
    runs: list[RunFolder], tmp_path: Path
) -> None:
    before = [content(run) for run in runs]
    actions.delete(runs[2], trash.moment() - 5000)
    at = trash.moment()
    for run in runs[:2]:
        actions.delete(run, at)
    assert layout.find(tmp_path) == []
    deleted = trash.entries(tmp_path)
    assert [entry.run_id for entry in deleted] == [runs[2].id, runs[0].id, runs[1].id]
    assert all(entry.bytes() > 0 for entry in deleted)
    assert [trash.restore(entry) for entry in trash.newest(deleted)] == runs[:2]
    assert [content(run) for run in runs[:2]] == before[:2]
    assert not runs[2].path.exists()


def test_who_may_delete_in_a_shared_folder_may_use_its_trash(
    runs: list[RunFolder], tmp_path: Path
) -> None:
    tmp_path.chmod(0o770)
    before = os.umask(0o077)
    try:
        actions.delete(runs[0])
    finally:
        os.umask(before)
    assert (tmp_path / trash.FOLDER).stat().st_mode & 0o777 == 0o770


def test_a_run_of_the_same_name_is_not_overwritten(runs: list[RunFolder], tmp_path: Path) -> None:
    entry = actions.delete(runs[0])
    runs[0].path.mkdir()
    with pytest.raises(InputError, match="is there again"):
        trash.restore(entry)
    runs[0].path.rmdir()
    trash.restore(entry)
    gone = actions.delete(runs[1])
    trash.discard(tmp_path, [gone])
    with pytest.raises(InputError, match="no longer in the trash"):
        trash.restore(gone)


def test_what_was_kept_long_enough_is_removed_by_the_next_deletion(
    runs: list[RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = trash.moment() - int((trash.KEPT_MINUTES + 1) * 60_000)
    trash.put(runs[0], old)
    assert [entry.run_id for entry in trash.entries(tmp_path)] == [runs[0].id]
    actions.delete(runs[1])
    assert [entry.run_id for entry in trash.entries(tmp_path)] == [runs[1].id]
    monkeypatch.setenv(trash.VARIABLE, "0")
    actions.delete(runs[2])
    assert not (tmp_path / trash.FOLDER).exists()  # empty, so that nothing of it is left
    monkeypatch.setenv(trash.VARIABLE, "soon")
    with pytest.raises(InputError, match="no number of minutes"):
        trash.kept_minutes()


def test_half_of_a_removal_is_finished_the_next_time_and_never_had_back(
    runs: list[RunFolder], tmp_path: Path
) -> None:
    """A crash between the two steps of a removal leaves a folder that is no entry."""
    entry = actions.delete(runs[0])
    entry.path.rename(entry.path.with_name(".emptied-0123abcd"))
    assert trash.entries(tmp_path) == []
    trash.empty(tmp_path)
    assert not (tmp_path / trash.FOLDER).exists()


def test_links_and_foreign_files_in_the_trash_are_left_alone(
    runs: list[RunFolder], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    actions.delete(runs[0])
    folder = tmp_path / trash.FOLDER
    (folder / "notes.txt").write_text("mine")
    (folder / f"{1:015d}~link").symlink_to(elsewhere)
    trash.empty(tmp_path, all_=True)
    assert sorted(path.name for path in folder.iterdir()) == [f"{1:015d}~link", "notes.txt"]
    assert (elsewhere / "precious").is_file()
    (folder / "notes.txt").unlink()
    (folder / f"{1:015d}~link").unlink()
    folder.rmdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(InputError, match="is a link"):
        actions.delete(runs[1])
    assert runs[1].spec.is_file()
