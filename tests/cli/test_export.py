"""`hashbench export` of codes: where it writes, what it refuses, and that `eval` reads it back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashbench.runs import result as results
from hashbench.runs.layout import RunFolder
from tests.cli.conftest import Command
from tests.report.scored_runs import scored_run
from tests.tui import fixtures


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of two lengths, which a method of one length would not have."""
    return scored_run(tmp_path / "runs", bits=(16, 32))


@pytest.mark.parametrize("form", ["mat", "hdf5", "dcmht"])
def test_eval_gives_an_exported_file_the_scores_of_the_run(
    form: str, run: RunFolder, tmp_path: Path, run_main: Command
) -> None:
    suffix = ".h5" if form == "hdf5" else ".mat"
    file = str(tmp_path / f"codes{suffix}")
    place = ("--runs-dir", str(run.path.parent))
    code, out, err = run_main("export", run.id, *place, "--to", form, "-b", "32", "-o", file)
    assert (code, err) == (0, "")
    assert file in out
    code, out, err = run_main("eval", file, "--json")
    assert code == 0, err
    scores = {one["direction"]: one["value"] for one in json.loads(out)["scores"]}
    stored = results.read(run.result).scores["32"]
    assert scores == {name: stored[name]["mAP@all"] for name in ("i2t", "t2i")}


def test_each_length_is_a_file_of_its_own_in_a_folder(
    run: RunFolder, tmp_path: Path, run_main: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = ("--runs-dir", str(run.path.parent))
    code, out, _ = run_main("export", "last", *place, "--to", "mat", "--json")
    assert code == 0
    written = [one["written"] for one in json.loads(out)]
    assert written == [f"export/{run.id}/{bits}.mat" for bits in (16, 32)]
    assert all(Path(path).is_file() for path in written)
    code, _, _ = run_main("export", "last", *place, "--to", "npy", "-o", "arrays", "-b", "16")
    assert code == 0
    assert (tmp_path / "arrays" / "16" / "query_image.npy").is_file()
    assert not (tmp_path / "arrays" / "32").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--to", "mat", "-o", "one.mat"), "codes of 16, 32 bits"),
        (("--to", "mat", "-b", "64"), "no codes of 64 bits"),
        (("--to", "matt"), "did you mean mat"),
        ((), "--to: is missing"),
        (("--to", "csv", "-b", "16"), "does not go with --to csv"),
        (("--to", "pghmh"), "no place for image and text codes"),
    ],
)
def test_wrong_words_are_refused_and_nothing_is_written(
    words: tuple[str, ...], message: str, run: RunFolder, tmp_path: Path, run_main: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    code, _, err = run_main("export", run.id, "--runs-dir", str(run.path.parent), *words)
    assert code == 2
    assert message in err
    assert [path for path in Path.cwd().rglob("*") if path.is_file()] == []


def test_what_keeps_codes_from_being_compared_goes_with_them(
    tmp_path: Path, run_main: Command
) -> None:
    run = scored_run(tmp_path / "runs", method=["prompthash"], protocol=["published"])
    words = ("--runs-dir", str(tmp_path / "runs"), "--to", "npy", "-o", str(tmp_path / "out"))
    code, _, err = run_main("export", run.id, *words)
    assert code == 0
    assert "PUBLISHED PROTOCOL" in err
    about = json.loads((tmp_path / "out" / "16" / "about.json").read_text())
    assert about["marks"] == "PUBLISHED PROTOCOL"
    assert about["protocol"] == "published"


def test_a_run_that_is_not_finished_has_no_codes(tmp_path: Path, run_main: Command) -> None:
    run = fixtures.one_of_each(tmp_path / "runs")["stopped"]
    words = ("--runs-dir", str(tmp_path / "runs"), "--to", "mat")
    code, _, err = run_main("export", run.id, *words)
    assert code == 2
    assert "is stopped, so that it has no codes yet" in err
