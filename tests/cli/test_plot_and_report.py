"""`hashbench plot` and `hashbench report`, called as a person calls them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from hashbench.runs import layout
from tests.cli.conftest import Command
from tests.report.scored_runs import scored_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs")
    for bits in (16, 32):
        for seed in (0, 1):
            scored_run(made, method=["lsh"], bits=(bits,), seed=[seed])
    return made


def test_without_a_file_a_figure_is_drawn_in_the_terminal(
    run_main: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run_main("plot", "map-over-bits", "--runs-dir", str(folder))
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "image to text" in out
    assert "random codes" in out
    assert "\x1b" not in out


def test_numbers_are_printed_beside_or_without_a_file(run_main: Command, folder: Path) -> None:
    runs = [str(run.path) for run in layout.find(folder)]
    code, out, _ = run_main("plot", "map-over-bits", *runs, "--csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["series"] for row in rows} == {"lsh", "random codes"}
    code, out, _ = run_main("plot", "map-over-bits", *runs, "--json", "-m", "map@50")
    assert code == 0
    found = json.loads(out)
    assert found["title"] == "mAP@50 over bits"
    assert sorted(found["runs"]) == sorted(Path(run).name for run in runs)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plot", "bits"), "map-over-bits"),
        (("plot", "losses", "-o", "x.jpg"), ".pdf, .svg, .png"),
        (("plot", "losses", "--width", "wide", "-o", "x.pdf"), "--width"),
        (("plot", "map-over-bits", "-m", "map@"), "--metric"),
        (("plot", "parameter", "--over", "alpa"), "--over"),
        (("report", "-o", "x.doc"), ".html or .pdf"),
        (("report", "--versus", "sodaa"), "--versus"),
    ],
)
def test_wrong_words_are_told_and_nothing_is_written(
    run_main: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, err = run_main(*words, "--runs-dir", str(folder))
    assert code == 2
    assert message in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_report_needs_no_extra_without_figures(
    run_main: Command, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    words = ("report", "--no-figures", "-o", str(path), "--runs-dir", str(folder), "--json")
    code, out, _ = run_main(*words)
    assert code == 0
    told = json.loads(out)
    assert told["runs"] == 4
    assert told["bytes"] == path.stat().st_size
    assert "hashbench run --method lsh" in path.read_text()


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_a_title_of_bytes_that_are_no_text_makes_a_page(
    run_main: Command, folder: Path, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"page.{form}"
    words = ("report", "--no-figures", "-o", str(path), "--title", "caf\udce9")
    code, _, err = run_main(*words, "--runs-dir", str(folder))
    assert code == 0, err
    assert path.stat().st_size


def test_files_need_the_extra_and_say_so(
    run_main: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    for words, extra in (
        (("plot", "map-over-bits", "-o", str(tmp_path / "x.pdf")), "hashbench[plots]"),
        (("report", "-o", str(tmp_path / "x.html")), "hashbench[plots]"),
        (("report", "-o", str(tmp_path / "x.pdf")), "hashbench[pdf]"),
    ):
        code, _, err = run_main(*words, "--runs-dir", str(folder))
        assert code == 2
        assert extra in err
    assert list(tmp_path.iterdir()) == []
