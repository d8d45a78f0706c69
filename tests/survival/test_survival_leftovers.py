"""What the dead leave is swept by whoever comes next; what somebody is at, never."""

from __future__ import annotations

import os
from pathlib import Path

from hashbench.files import atomic
from hashbench.files.temporary_folders import temporary_folder
from hashbench.launch import actions
from hashbench.runs import layout, trash
from tests.report.scored_runs import scored_run
from tests.survival.tiny_runs import now, spec_of


def parts(folder: Path) -> list[Path]:
    """Temporary files and folders of ours."""
    return [*folder.rglob(f".*{atomic.PART}"), *folder.rglob(".new-*")]


def a_minute_later(*left: Path) -> None:
    """Sets the clock of files back, so that nobody has to wait."""
    for path in left:
        os.utime(path, (1e9, 1e9))


def test_a_new_run_that_is_killed_is_swept_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".new-left"
    left.mkdir()
    with temporary_folder(".new-", tmp_path) as at_work:
        a_minute_later(left, at_work)
        layout.create(tmp_path, spec_of("lsh"), now())
        assert at_work.is_dir()  # its maker lives, however long it takes
    assert sorted(path.name[:4] for path in tmp_path.iterdir()) == [str(now().year)]


def test_an_emptied_trash_that_was_killed_is_emptied_by_the_next_deletion(tmp_path: Path) -> None:
    left = tmp_path / trash.FOLDER / ".emptied-0123"
    left.mkdir(parents=True)
    (left / "spec.toml").write_text("")
    kept = actions.delete(scored_run(tmp_path, method=["lsh"]))
    assert not left.exists()
    assert trash.entries(tmp_path) == [kept]


def test_a_file_that_is_written_for_long_is_not_swept(tmp_path: Path) -> None:
    path = tmp_path / "a*[b]"
    dead = tmp_path / f".{path.name}.00000000{atomic.PART}"
    dead.touch()
    other = tmp_path / f".ab.00000000{atomic.PART}"
    other.touch()

    def slowly(stream: object) -> None:
        (mine,) = (one for one in parts(tmp_path) if one not in (dead, other))
        a_minute_later(mine, dead, other)
        atomic.write_bytes_atomically(path, b"another writer")

    atomic.write_atomically(path, slowly)
    assert path.read_bytes() == b""
    assert parts(tmp_path) == [other]  # of another file
