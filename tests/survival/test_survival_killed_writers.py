"""SIGKILL around the very moment when a file appears: what is left is whole or not there, the same
again succeeds, and what the dead left is swept.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from hashbench.runs import layout
from hashbench.runs.state import Status
from hashbench.runs.status import status
from tests.report.scored_runs import scored_run
from tests.survival.test_survival_leftovers import a_minute_later, parts
from tests.survival.tiny_runs import BITS, now, spec_of
from tests.survival.worker_forks import Forks

pytestmark = pytest.mark.slow  # half a minute of real workers and commands

KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def lsh_codes(forks: Forks, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    run = layout.create(tmp_path_factory.mktemp("lsh"), spec_of("lsh"), now())
    assert forks.wait(forks.worker(run.path, data_dir)) == 0, run.log.read_text()
    return (run.codes / f"{BITS}.npz").read_bytes()


@pytest.mark.parametrize(
    "die",
    [
        "within last.safetensors",
        f"within {BITS}.npz",
        f"after {BITS}.npz",
        "within result.json",
        "after result.json",
    ],
)
def test_a_worker_that_dies_while_it_writes(
    forks: Forks, data_dir: Path, tmp_path: Path, lsh_codes: bytes, die: str
) -> None:
    run = layout.create(tmp_path, spec_of("lsh"), now())
    assert forks.wait(forks.worker(run.path, data_dir, die=die)) == KILLED
    assert status(run).state is Status.LOST
    assert len(parts(run.path)) == ("within" in die)
    assert run.result.exists() == (die == "after result.json")
    assert forks.wait(forks.worker(run.path, data_dir)) == 0
    assert status(run).state is Status.FINISHED
    assert (run.codes / f"{BITS}.npz").read_bytes() == lsh_codes
    assert not list(run.path.rglob(".*"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    scored_run(tmp_path / "runs", method=["lsh"])
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("report", "--no-figures"), "page.html"),
        (("bundle", "last"), "table.tar"),
        (("export", "last", "--to", "mat"), "codes.mat"),
    ],
)
def test_a_command_that_dies_while_it_writes(
    forks: Forks, runs: Path, tmp_path: Path, words: tuple[str, ...], output: str
) -> None:
    path, log = tmp_path / "out" / output, tmp_path / "log"
    command = (*words, "-o", path, "--runs-dir", runs)
    for expected in (b"", b"what was there before"):
        path.write_bytes(expected) if expected else None
        assert forks.wait(forks.command(*command, log=log, die=f"within {output}")) == KILLED
        assert (path.read_bytes() if path.exists() else b"") == expected
    left = parts(path.parent)
    assert len(left) == 2
    a_minute_later(left[0])
    assert forks.wait(forks.command(*command, log=log)) == 0, log.read_text()
    assert path.read_bytes() != expected
    assert parts(path.parent) == left[1:]  # who wrote within the last minute may be at it yet


def test_an_export_of_many_files_says_at_last_that_it_is_whole(
    forks: Forks, runs: Path, tmp_path: Path
) -> None:
    folder, log = tmp_path / "npy" / "16", tmp_path / "log"
    command = ("export", "last", "--to", "npy", "-o", folder.parent, "--runs-dir", runs)
    assert forks.wait(forks.command(*command, log=log)) == 0, log.read_text()
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert forks.wait(forks.command(*command, log=log, die="within query_text.npy")) == KILLED
    assert not (folder / "about.json").exists()
    a_minute_later(*parts(folder))
    assert forks.wait(forks.command(*command, log=log)) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_an_import_that_dies_is_no_run(
    forks: Forks, data_dir: Path, tmp_path: Path, lsh_codes: bytes
) -> None:
    codes = tmp_path / "codes" / f"{BITS}.npz"
    codes.parent.mkdir()
    codes.write_bytes(lsh_codes)
    like = layout.create(tmp_path / "like", spec_of("lsh"), now())
    runs, log = tmp_path / "runs", tmp_path / "log"
    places = ("--runs-dir", runs, "--data-dir", data_dir)
    command = ("import", codes, "--name", "Ours", "--like", like.path, *places)
    for die in (f"within {BITS}.npz", "after result.json"):
        assert forks.wait(forks.command(*command, log=log, die=die)) == KILLED, log.read_text()
        assert layout.find(runs) == []
    a_minute_later(*runs.glob(f"{layout.BUILDING}*"))
    assert forks.wait(forks.command(*command, log=log)) == 0, log.read_text()
    assert [status(run).state for run in layout.find(runs)] == [Status.FINISHED]
    assert not list(runs.glob(".*"))
