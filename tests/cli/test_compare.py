"""`hashbench compare`: names as they are typed, files of codes, changed results, random floors."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import scipy.io
from click.testing import Result
from typer.testing import CliRunner

from hashbench.cli.main import app
from hashbench.errors import InputError, UnknownNameError
from hashbench.metrics.codes import LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.random_floor import random_floors
from hashbench.runs import result
from hashbench.runs.layout import RunFolder
from tests.report.scored_runs import code_set, labels, scored_run


def compared(*arguments: str | Path, width: int = 80) -> Result:
    environment = {"COLUMNS": str(width), "TERM": "dumb"}
    return CliRunner(env=environment).invoke(app, ["compare", *map(str, arguments)])


def test_a_pipe_gets_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    for bits in (16, 24, 32, 64):
        scored_run(tmp_path, bits=[bits], method=["soda"], epochs=3)
    done = CliRunner().invoke(app, ["compare", "--runs-dir", str(tmp_path)])
    (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == ["soda"]]
    assert len(re.findall(r"\d\.\d{4}", line)) == 8


def printed(done: Result) -> str:
    """What was printed, whatever the line breaks."""
    assert done.exit_code == 0, done.exception or done.output
    return " ".join(done.output.split())


def tables(*arguments: str | Path) -> list[dict[str, Any]]:
    done = compared(*arguments, "--json")
    assert done.exit_code == 0, done.exception or done.output
    parsed: list[dict[str, Any]] = json.loads(done.stdout)["tables"]
    return parsed


def refused(*arguments: str | Path) -> str:
    done = compared(*arguments)
    assert isinstance(done.exception, InputError), done.output
    assert done.exception.exit_code == 2
    return str(done.exception)


def rewrite(run: RunFolder, **changes: Any) -> None:
    """Edits result.json as a person would."""
    content = msgspec.json.decode(run.result.read_bytes())
    run.result.write_bytes(msgspec.json.encode(content | changes))


@pytest.mark.parametrize("typed", ["map@all", "MAP@ALL", "mAP@all(tie=expected)", " mAP@all "])
def test_a_metric_is_found_however_it_is_typed(tmp_path: Path, typed: str) -> None:
    run = scored_run(tmp_path)
    shutil.rmtree(run.codes)  # so that nothing can be computed: the stored value is found
    (table,) = tables("--runs-dir", tmp_path, "--metric", typed)
    assert table["metric"] == "mAP@all"
    stored = result.read(run.result).scores["16"]["i2t"]["mAP@all"]
    assert table["rows"][0]["scores"][0]["mean"] == stored


def test_a_typing_error_gets_the_nearest_name(tmp_path: Path) -> None:
    scored_run(tmp_path)
    assert "did you mean mAP@all" in refused("--runs-dir", tmp_path, "-m", "mpa@all")
    direction = refused("--runs-dir", tmp_path, "--metric", "i2t:mAP@all")
    assert "all directions are shown" in direction


@pytest.mark.parametrize("metric", ["mAP@all", "nDCG@100", "P@r2", "R@r2", "P@7", "mAP@9/hits"])
def test_the_floor_is_that_of_the_metric(tmp_path: Path, metric: str) -> None:
    scored_run(tmp_path, bits=[16, 24], method=["lsh"])
    (table,) = tables("--runs-dir", tmp_path, "--metric", metric)
    sides = [LabelMasks.from_multi_hot(part) for part in labels()]
    assert table["floor_is"] == "expected value under random codes"
    for bits in (16, 24):
        parsed = parse_metric(metric)
        assert table["floors"][str(bits)] == pytest.approx(
            random_floors([parsed], *sides, bits)[parsed]
        )
    note = f"expected {metric} of random codes on the same queries"
    for form in ("table", "md", "latex"):
        assert note in printed(compared("--runs-dir", tmp_path, "--metric", metric, "-f", form))


def test_floors_of_earlier_versions_are_computed_from_the_codes(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    expected = result.read(run.result).floors["16"]["mAP@all"]
    content = msgspec.json.decode(run.result.read_bytes())
    for key in ("floors", "code_digests", "digest"):  # earlier versions had none of them
        del content[key]
    run.result.write_bytes(msgspec.json.encode(content | {"floor": 0.321}))
    (table,) = tables("--runs-dir", tmp_path)
    assert table["floors"]["16"] == pytest.approx(expected)
    shutil.rmtree(run.codes)
    (table,) = tables("--runs-dir", tmp_path)
    assert table["floors"]["16"] == 0.321
    assert table["floor_is"] == "share of relevant pairs"
    text = printed(compared("--runs-dir", tmp_path))
    assert (
        "share of relevant pairs 0.3210, stored by an earlier version instead of the random floor"
        in text
    )


def test_one_known_ratio_is_one_contest_whatever_is_made_of_unknown_labels(tmp_path: Path) -> None:
    scored_run(tmp_path, method=["pcril"], known_ratio=[0.7], noise=0.05)
    scored_run(tmp_path, method=["soda"], known_ratio=[0.7], noise=0.2)
    scored_run(tmp_path, method=["lsh"], known_ratio=[0.7], noise=0.2, unknown="ignore")
    scored_run(tmp_path, method=["soda"], noise=0.01)
    (table,) = tables("--runs-dir", tmp_path)
    best = {(row["method"], row["labels"]): row["scores"][0]["best"] for row in table["rows"]}
    assert best == {
        ("pcril", "known 0.7"): True,
        ("soda", "known 0.7 AN"): False,
        ("lsh", "known 0.7 IU"): False,
        ("soda", ""): False,  # it has no rival
    }


def test_a_repeated_run_is_counted(tmp_path: Path) -> None:
    for second, seed in enumerate((0, 1, 0)):
        scored_run(tmp_path, seed=[seed], second=second, method=["lsh"])
    scored_run(tmp_path, seed=[0], bits=[24], method=["lsh"])  # another length is no repetition
    (table,) = tables("--runs-dir", tmp_path)
    assert (table["rows"][0]["seeds"], table["rows"][0]["repeats"]) == (2, 1)
    text = printed(compared("--runs-dir", tmp_path))
    assert "2 (+1 repeated)" in text
    assert "with its latest run" in text


def mat_file(path: Path, *, split: int = 7, turn: bool = False) -> Path:
    codes = code_set(16, 3, 0.0, split)
    columns = slice(None, None, -1) if turn else slice(None)
    content = {"q_l": codes.query_labels, "r_l": codes.database_labels}
    arrays = {key: part.to_bools()[:, columns] * 1.0 for key, part in content.items()}
    for side, parts in (("q", codes.query), ("r", codes.database)):
        for name, modality in (("img", "image"), ("txt", "text")):
            arrays[f"{side}_{name}"] = np.where(parts[modality].to_bools(), 1.0, -1.0)
    scipy.io.savemat(path, arrays)
    return path


@pytest.mark.parametrize("turn", [False, True], ids=["as it is", "classes in another order"])
def test_a_file_of_codes_of_the_same_split_is_a_row(tmp_path: Path, turn: bool) -> None:
    run = scored_run(tmp_path / "runs", noise=0.2)
    file = mat_file(tmp_path / "codes.mat", turn=turn)
    (table,) = tables(run.path, file)
    ours, theirs = table["rows"]
    assert theirs["method"] == "codes.mat (file)"
    assert {(one["bits"], one["direction"]) for one in theirs["scores"]} == {
        (16, "i2t"), (16, "t2i"),
    }  # fmt: skip
    assert theirs["scores"][0]["mean"] > ours["scores"][0]["mean"]
    assert not any(one["best"] for row in (ours, theirs) for one in row["scores"])
    text = printed(compared(run.path, file))
    assert "! codes.mat (file) !: CODE FILE, not ranked" in text


def test_a_file_of_another_split_is_refused_and_eval_is_named(tmp_path: Path) -> None:
    run = scored_run(tmp_path / "runs")
    file = mat_file(tmp_path / "other.mat", split=8)
    message = refused(run.path, file)
    assert message.startswith(f"{file}: its labels")
    assert f"`hashbench eval {file}`" in message
    assert f"`hashbench eval {file}`" in refused(file)
    assert "does not exist" in refused(run.path, tmp_path / "missing.mat")


def test_what_is_no_run_is_left_out_with_a_word(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "notes").mkdir()
    done = compared(run.path, tmp_path / "README.md", tmp_path / "notes")
    assert done.exit_code == 0
    for name in ("README.md", "notes"):
        assert f"left out: {tmp_path / name}: neither a run folder" in done.stderr


def edit_scores(run: RunFolder) -> None:
    scores = msgspec.json.decode(run.result.read_bytes())["scores"]
    scores["16"]["i2t"]["mAP@all"] = 0.9999
    rewrite(run, scores=scores)


def edit_spec(run: RunFolder) -> None:
    run.spec.write_text(run.spec.read_text().replace("seed = 0", "seed = 5"))


def edit_codes(run: RunFolder) -> None:
    path = run.codes / "16.npz"
    path.write_bytes(path.read_bytes() + b"\0")


def enlarge_codes(run: RunFolder) -> None:
    with (run.codes / "16.npz").open("r+b") as file:
        file.truncate(1 << 42)  # nobody reads so much to find out


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (edit_scores, "result.json does not match its digest"),
        (edit_spec, "spec.toml is not the spec that was run"),
        (edit_codes, "codes/16.npz are not the codes that were scored"),
        (enlarge_codes, "codes/16.npz are not the codes that were scored"),
    ],
)
def test_what_was_changed_after_scoring_is_shown(tmp_path: Path, edit: Any, message: str) -> None:
    run = scored_run(tmp_path, method=["soda"], noise=0.01)
    scored_run(tmp_path, method=["lsh"], noise=0.2)
    scored_run(tmp_path, method=["lsh"], noise=0.2, ablate=[], seed=[3])
    before = printed(compared("--runs-dir", tmp_path))
    assert "CHANGED" not in before
    edit(run)
    (table,) = tables("--runs-dir", tmp_path)
    soda = next(row for row in table["rows"] if row["method"] == "soda")
    assert message in soda["marks"][0]
    assert not any(one["best"] for row in table["rows"] for one in row["scores"])  # no rival left
    assert f"CHANGED AFTER SCORING, not ranked: {run.id}: {message}" in printed(
        compared("--runs-dir", tmp_path)
    )
    page = CliRunner().invoke(app, ["show", run.id, "--runs-dir", str(tmp_path)])
    assert f"CHANGED AFTER SCORING: {message}" in printed(page)


def test_layout_and_order_of_a_result_are_no_change(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    content = msgspec.json.decode(run.result.read_bytes())
    run.result.write_text(json.dumps(dict(reversed(content.items()))))
    assert "CHANGED" not in printed(compared("--runs-dir", tmp_path))


def test_results_without_a_digest_are_said_to_be_so_in_show_alone(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    rewrite(run, digest="", code_digests={})
    assert "digest" not in printed(compared("--runs-dir", tmp_path))
    page = CliRunner().invoke(app, ["show", run.id, "--runs-dir", str(tmp_path)])
    assert "result.json has no digest" in printed(page)


def test_versus_takes_any_unambiguous_part_of_a_name(tmp_path: Path) -> None:
    scored_run(tmp_path, method=["soda"], epochs=3, noise=0.3)
    scored_run(tmp_path, method=["lsh"], noise=0.05)
    for part in ("soda", "SODA", "epochs=3", "epochs=3 sod"):
        (table,) = tables("--runs-dir", tmp_path, "--versus", part)
        assert table["baseline"]["method"] == "soda"
        lsh = next(row for row in table["rows"] if row["method"] == "lsh")
        assert lsh["scores"][0]["p"] < 0.01
    with pytest.raises(UnknownNameError, match="no row named 'pcril'"):
        raise compared("--runs-dir", tmp_path, "--versus", "pcril").exception  # type: ignore[misc]
    scored_run(tmp_path, method=["soda"], epochs=31)
    (table,) = tables("--runs-dir", tmp_path, "--versus", "epochs=3")  # the whole word
    assert "epochs=3 " in table["baseline"]["changes"] + " "
    message = refused("--runs-dir", tmp_path, "--versus", "soda")
    assert "fits several rows" in message
    for epochs in (3, 31):
        assert f"epochs={epochs}" in message


def test_a_grid_of_known_ratios_fits_80_columns(tmp_path: Path) -> None:
    for second, ratio in enumerate((0.3, 0.5, 0.7)):
        for method in ("soda", "lsh"):
            for seed in (0, 1):
                scored_run(tmp_path, method=[method], bits=[16, 24, 32, 64], known_ratio=[ratio],
                           seed=[seed], second=second, noise=0.1 + 0.1 * ratio)  # fmt: skip
    done = compared("--runs-dir", tmp_path)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for bits in (16, 24, 32, 64):
        for direction in ("i2t", "t2i"):
            heads = [line for line in lines if f"{bits} {direction}" in line]
            assert len(heads) == 1, done.stdout  # whole, on one line, with the names beside it
            assert "method" in heads[0]
    assert not re.search(r"^\s+known", done.stdout, re.MULTILINE)  # each row has its name


def test_published_numbers_say_where_they_are_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashbench.report import published

    run = scored_run(tmp_path)
    none = compared("--runs-dir", tmp_path, "--published")
    assert "no published number" in none.stderr
    block = msgspec.structs.replace(
        published.published().blocks[0],
        bits=(16,),
        settings={"mine": published.PublishedSetting(("picturebook",), 260, 60, 100)},
        rows={"MITH": {"mine": {"i2t": (0.8,), "t2i": (0.7,)}}},
    )
    monkeypatch.setattr(
        published, "published", lambda: published.Published(about="", blocks=(block,))
    )
    for form in ("table", "md", "csv"):
        text = printed(compared(run.path, "--published", "-f", form))
        assert "MITH" in text
        assert "PUBLISHED NUMBER, not ranked" in text
        assert "CLIP ViT-B/32" in text
        assert block.source in text
    with_p = tables(run.path, scored_run(tmp_path, method=["lsh"]).path, "--published",
                    "--versus", "lsh")  # fmt: skip
    assert [row["method"] for row in with_p[0]["rows"]][-1] == "MITH"


def test_the_workbench_and_the_command_get_the_same_p_values(tmp_path: Path) -> None:
    from hashbench.report import comparison, rows, significance
    from hashbench.report.analysis_process import answer

    noises = {"soda": 0.05, "lsh": 0.3, "pcril": 0.1}
    runs = [scored_run(tmp_path, method=[name], noise=noise) for name, noise in noises.items()]
    (table,) = comparison.compare(rows.collect(runs).finished)
    folder = {run.id: run for run in runs}.__getitem__
    baseline = significance.find_row(table, "lsh")
    assert baseline is not None
    question = json.loads(json.dumps(significance.request(table, baseline, folder)))
    asked = significance.with_p_values(table, baseline, answer(question)["p"])
    assert asked == significance.tested_against(table, baseline, folder)
    assert asked.baseline == baseline.variant
    tested = {row.variant.method: row.cells[16, "i2t"].p for row in asked.rows}
    assert tested.pop("lsh") is None
    assert all(p is not None and p < 0.05 for p in tested.values())
