"""`hashbench eval`: published numbers, every output format, one clear error each."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import typer
from click.testing import Result
from typer.testing import CliRunner

from hashbench.cli.evaluate import eval_command
from hashbench.codefiles import native
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("eval")(eval_command)


def evaluated(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(app, [str(a) for a in arguments])


def scores(*arguments: str | Path) -> list[dict[str, Any]]:
    done = evaluated(*arguments, "--json")
    assert done.exit_code == 0, done.output
    scored: list[dict[str, Any]] = json.loads(done.stdout)["scores"]
    return scored


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    """A cross-modal file; the last query has a label that no database item has."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (48, 4)) * 1.0
    labels[labels[:, :3].sum(axis=1) == 0, 0] = 1
    labels[:, 3] = 0
    labels[7] = [0, 0, 0, 1]
    bits = np.repeat(labels[:, :3], 4, axis=1) > 0
    content: dict[str, Any] = {"q_l": labels[:8], "r_l": labels[8:]}
    for name, flipped in (("img", 0.1), ("txt", 0.3)):
        signs = np.where(bits ^ (rng.random(bits.shape) < flipped), 1.0, -1.0)
        content |= {f"q_{name}": signs[:8], f"r_{name}": signs[8:]}
    scipy.io.savemat(tmp_path / "codes.mat", content)
    return tmp_path / "codes.mat"


def test_json_has_all_that_a_number_depends_on(codes: Path) -> None:
    i2t, t2i = scores(codes)
    assert (i2t["direction"], t2i["direction"]) == ("i2t", "t2i")
    for one in (i2t, t2i):
        assert one["metric"] == "mAP@all"
        assert one["worst"] <= one["value"] == one["expected"] <= one["best"]
        assert one["worst"] <= one["index"] <= one["best"]
        assert (one["queries"], one["database"], one["bits"]) == (8, 40, 12)
        assert (one["counted"], one["without_relevant"]) == (7, 1)
        assert 0 < one["relevant_share"] < one["floor"] < one["value"] <= 1
        assert 1 <= one["distinct"] <= 40
        assert 0 <= one["balance"] <= 1


def test_metrics_profiles_and_directions(codes: Path) -> None:
    scored = scores(codes, "-m", "P@5,nDCG@5", "-m", "P@r2", "--as-in", "pghmh", "--topk", "3",
                   "--direction", "i2t")  # fmt: skip
    assert [one["metric"] for one in scored] == [
        "mAP@all(tie=index,empty=zero)", "P@5", "nDCG@5", "P@r2", "mAP@3", "nDCG@3", "P@3", "R@3",
    ]  # fmt: skip
    assert scored[0]["counted"] == 8
    assert scored[3]["empty_balls"] is not None
    (only,) = scores(codes, "-m", "t2i:mAP@all")
    assert only["direction"] == "t2i"


def test_every_format_and_several_files(codes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    content = scipy.io.loadmat(codes)
    np.savez(other, **{key: content[key] for key in ("q_img", "r_txt", "q_l", "r_l")})
    table = evaluated(codes, other, "-m", "mAP@all", "-m", "P@r2", "--ci")
    assert table.exit_code == 0
    assert "\x1b" not in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80
    for word in ("codes.mat", "other.npz", "i2t", "t2i", "12 bits", "95% interval", "floor",
                 "1 without a relevant item", "distinct codes", "bit balance", "of queries find",
                 "the mean over all orders within ties"):  # fmt: skip
        assert word in " ".join(table.stdout.split()), word
    rows = list(csv.DictReader(io.StringIO(evaluated(codes, other, "--format", "csv").stdout)))
    assert [row["direction"] for row in rows] == ["i2t", "t2i", "i2t"]
    assert float(rows[0]["value"]) == scores(codes)[0]["value"]
    assert rows[0]["value"] == rows[2]["value"]
    markdown = evaluated(codes, "--format", "md").stdout
    assert re.match(r"\| codes +\| task +\| metric +\| +value \|", markdown)
    assert f"{float(rows[0]['value']):.4f}" in markdown


def test_intervals_and_the_paired_test(codes: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.mat"
    content = scipy.io.loadmat(codes)
    rng = np.random.default_rng(1)
    content |= {key: np.sign(rng.normal(size=content[key].shape)) for key in ("q_img", "r_txt")}
    scipy.io.savemat(noise, {key: value for key, value in content.items() if key[0] in "qr"})
    scored = scores(codes, "--ci", "--versus", noise, "--direction", "i2t")[0]
    assert scored["low"] <= scored["value"] <= scored["high"]
    assert scored["difference"] > 0
    assert 0 < scored["p_value"] < 0.2
    assert "against the other codes" in evaluated(codes, "--versus", noise).stdout
    content["q_l"] = content["q_l"][::-1]
    scipy.io.savemat(noise, {key: value for key, value in content.items() if key[0] in "qr"})
    refused = evaluated(codes, "--versus", noise)
    assert isinstance(refused.exception, InputError)
    assert "other queries" in str(refused.exception)


def test_our_own_codes_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for bits in (16, 8):
        made = {
            name: [Codes.from_signs(rng.integers(0, 2, (items, bits))) for items in (5, 9)]
            for name in ("image", "text")
        }
        labels = (LabelMasks.from_multi_hot(np.ones((n, 2))) for n in (5, 9))
        query, database = ({m: pair[side] for m, pair in made.items()} for side in (0, 1))
        native.write_codes(
            tmp_path / "run" / "codes", native.CodeSet(bits, query, database, *labels)
        )
    scored = scores(tmp_path / "run")
    assert [(one["bits"], one["direction"], one["value"]) for one in scored] == [
        (8, "i2t", 1.0), (8, "t2i", 1.0), (16, "i2t", 1.0), (16, "t2i", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "mAP@"], "metric"),
        (["-m", "mm:mAP@all"], "no codes for mm"),
        (["--as-in", "pghm"], "did you mean pghmh"),
        (["--format", "xml"], "format"),
        (["--zero", "nil"], "zero"),
        (["--items", "columns", "--labels-as", "word"], "labels-as"),
        (["--direction", "x2y"], "direction"),
        (["--layout", "val-retrieval"], "no codes under the names"),
        (["--bits", "64"], "12 bits, not 64"),
        (["--labels", "missing.mat"], "does not exist"),
        (["--versus", "missing.mat"], "does not exist"),
    ],
)
def test_one_clear_error_each(codes: Path, arguments: list[str], message: str) -> None:
    done = evaluated(codes, *arguments)
    assert isinstance(done.exception, InputError), done.output
    assert done.exception.exit_code == 2
    assert message in str(done.exception)


def test_the_command_exits_with_2_and_no_traceback(tmp_path: Path) -> None:
    damaged = tmp_path / "cut.mat"
    damaged.write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + b"\x0e\0\0\0\xff\0\0\0")
    done = subprocess.run(
        [sys.executable, "-m", "hashbench", "eval", damaged],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {damaged}: declares")
    assert "Traceback" not in done.stderr


@pytest.mark.shared
def test_published_numbers(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "codes"
    (pghmh,) = scores(folder / "pghmh_flickr25k_16.mat")
    assert pghmh["index"] == pytest.approx(0.976073, abs=1e-6)
    assert pghmh["expected"] == pytest.approx(0.976048, abs=1e-6)
    assert pghmh["worst"] == pytest.approx(0.968, abs=5e-4)
    assert pghmh["best"] == pytest.approx(0.985, abs=5e-4)
    assert pghmh["distinct"] == 717
    labels = tmp_path / "labels.npz"
    np.savez(labels, query=np.repeat(np.arange(10), 100), database=np.repeat(np.arange(10), 5400))
    adsh = folder / "adsh_cifar10_24.mat"
    index, stored = scores(adsh, "--labels", labels, "--as-in", "adsh", "-m", "mAP@all(tie=index)")[
        ::-1
    ]
    assert index["value"] == pytest.approx(0.9240334, abs=1e-7)
    own_value = float(scipy.io.loadmat(adsh)["result"]["map"][0, 0].item())
    assert stored["value"] == pytest.approx(own_value, abs=1e-9)
    unlabelled = evaluated(adsh)
    assert isinstance(unlabelled.exception, InputError)
    assert "--labels FILE" in str(unlabelled.exception)


def test_files_with_other_labels_make_another_table(codes: Path, tmp_path: Path) -> None:
    content = scipy.io.loadmat(codes)
    kept = {key: content[key] for key in content if key[0] in "qr"}
    same, other = tmp_path / "same.mat", tmp_path / "other.mat"
    turned = {key: kept[key][:, ::-1] for key in ("q_l", "r_l")}  # the classes in another order
    scipy.io.savemat(same, kept | turned)
    scipy.io.savemat(other, kept | {"r_l": kept["r_l"][::-1]})
    together = evaluated(codes, same, "--direction", "i2t").stdout
    assert "not comparable" not in together
    assert together.count("metric ") == 1
    for form in ("table", "md"):
        done = evaluated(codes, same, other, "--direction", "i2t", "--format", form)
        text = " ".join(done.stdout.split())
        assert "tables are not comparable with each other" in text
        assert "1. 8 queries, 40 database items" in text
        assert "2. 8 queries, 40 database items" in text
    marks = [one["labels"] for one in scores(codes, same, other, "--direction", "i2t")]
    assert marks[0] == marks[1] != marks[2]


def test_a_pair_of_npy_files_and_real_values(codes: Path, tmp_path: Path) -> None:
    content = scipy.io.loadmat(codes)
    real = {
        side: content[f"{side}_img"] * np.random.default_rng(1).uniform(0.1, 2, (12,)) + 0.02
        for side in ("q", "r")
    }
    for side, array in real.items():
        np.save(tmp_path / f"{side}.npy", array)
        np.save(tmp_path / f"{side}l.npy", content[f"{side}_l"])
    pair = [tmp_path / "q.npy", tmp_path / "r.npy", "--query-labels", tmp_path / "ql.npy",
            "--database-labels", tmp_path / "rl.npy"]  # fmt: skip
    (expected,) = scores(codes, "--direction", "i2i")
    (by_sign,) = scores(*pair, "--binarize", "sign")
    assert by_sign["value"] == expected["value"]
    (by_median,) = scores(*pair, "--binarize", "median")
    medians = np.median(real["r"], axis=0)
    np.savez(
        tmp_path / "m.npz", qB=real["q"] > medians, rB=real["r"] > medians,
        qL=content["q_l"], rL=content["r_l"],
    )  # fmt: skip
    assert by_median["value"] == scores(tmp_path / "m.npz")[0]["value"]
    assert by_median["value"] != by_sign["value"]
    for words, message in (
        (pair, "--binarize sign"),
        (pair[1:], "queries first"),
        ([*pair, "--binarize", "round"], "sign, median"),
        ([*pair, "--binarize", "sign", "--packed", "little"], "bits already"),
    ):
        done = evaluated(*words)
        assert isinstance(done.exception, InputError)
        assert message in str(done.exception)
