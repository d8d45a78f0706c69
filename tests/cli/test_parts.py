"""`hashbench eval --parts` and `hashbench cache build`: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from hashbench.cli.cache import app as cache_app
from hashbench.cli.evaluate import eval_command
from hashbench.codefiles import native
from hashbench.errors import BusyError, InputError
from hashbench.files import locks
from hashbench.metrics.codes import Codes, LabelMasks

eval_app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
eval_app.command("eval")(eval_command)


def called(app: typer.Typer, *words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(app, [str(w) for w in words])


def evaluated(*words: str | Path) -> dict[str, Any]:
    done = called(eval_app, *words, "--json")
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A code file of two directions."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    sides = {
        side: {name: Codes.from_signs(rng.random((rows, 16)) < 0.5) for name in ("image", "text")}
        for side, rows in (("query", 6), ("database", 50))
    }
    labels = [LabelMasks.from_multi_hot(rng.random((rows, 4)) < 0.6) for rows in (6, 50)]
    query, database = sides["query"], sides["database"]
    return native.write_codes(tmp_path, native.CodeSet(16, query, database, labels[0], labels[1]))


def test_scores_by_parts_are_those_of_the_whole(codes: Path) -> None:
    whole = evaluated(codes, "-m", "mAP@all,P@5,P@r3", "--ci")
    made = evaluated(codes, "-m", "mAP@all", "--parts", "4", "--part", "3")
    assert made["missing"] == [1, 2, 4]
    assert [Path(file).name for file in made["files"]] == [
        "16.i2t.16b.hamming.part-3-of-4",
        "16.t2i.16b.hamming.part-3-of-4",
    ]
    by_parts = evaluated(codes, "-m", "mAP@all,P@5,P@r3", "--ci", "--parts", "4")
    assert by_parts["scores"] == [one | {"index": None} for one in whole["scores"]]
    assert "scored in 4 parts" in by_parts["notes"][-1]
    table = called(eval_app, codes, "--parts", "4")
    assert table.exit_code == 0
    assert f"{whole['scores'][0]['value']:.4f}" in table.stdout
    last = called(eval_app, codes, "--parts", "4", "--part", "3")
    assert "all parts are there" in last.stdout


def test_what_eval_refuses(codes: Path) -> None:
    for words, problem in (
        (["--part", "2"], "--part: of how many?"),
        (["--parts", "2", "--part", "3"], "there is no part 3 of 2"),
        (["--parts", "51"], "51 parts of a database of 50 items"),
        (["--parts", "2", "--versus", str(codes)], "--versus: codes that are scored by parts"),
        (["--parts", "2", "-m", "P@5(tie=index)"], r"P@5\(tie=index\) cannot be scored by parts"),
        ([str(codes), "--parts", "2"], "2 sets of codes would have parts of the name 16.i2t.16b"),
    ):
        error = called(eval_app, codes, *words).exception
        assert isinstance(error, InputError)
        with pytest.raises(InputError, match=problem):
            raise error
    assert not Path("eval-parts").exists()


def test_a_part_that_another_process_makes(codes: Path) -> None:
    Path("eval-parts").mkdir()
    with locks.held(Path("eval-parts/.16.i2t.16b.part-1-of-2.lock")):
        busy = called(eval_app, codes, "--parts", "2", "--part", "1").exception
    assert isinstance(busy, BusyError)
    assert "another process makes part 1 of 2" in str(busy)


def test_features_are_built_before_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHBENCH_CACHE", str(tmp_path / "cache"))
    words = ["build", "-d", "picturebook-tiny", "--threads", "1", "--parts", "2"]
    words += ["--data-dir", str(tmp_path)]
    first = called(cache_app, *words, "--part", "2")
    assert first.exit_code == 0, first.exception
    assert "part 2 of 2 is there; missing: 1" in first.stdout
    (unfinished,) = json.loads(called(cache_app, "ls", "--json").stdout)
    assert not unfinished["finished"]
    both = called(cache_app, *words, "--json")
    assert both.exit_code == 0, both.exception
    (built,) = json.loads(both.stdout)
    assert built["entry"] == unfinished["name"]
    assert (built["missing"], built["was_there"]) == ([], False)
    (entry,) = json.loads(called(cache_app, "ls", "--json").stdout)
    assert entry["finished"]


def test_what_cache_build_refuses(tmp_path: Path) -> None:
    for words, problem in (
        (["--part", "2"], "--part: of how many?"),
        (["--parts", "2", "--part", "3"], "there is no part 3 of 2"),
        (["--jobs", "2"], "several processes share parts"),
        (["--parts", "2", "--part", "1", "--jobs", "2"], "several processes share parts"),
        (["-d", "picturebook-tini"], "no dataset named"),
    ):
        error = called(cache_app, "build", *words, "--data-dir", str(tmp_path)).exception
        assert isinstance(error, InputError)
        with pytest.raises(InputError, match=problem):
            raise error
