"""Every check of the contracts passes for what is sound, and fails for what it is there to find."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hashbench.plan import card_file, plugins
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from hashbench.runs import events, result
from hashbench.runs.tailer import read_all
from hashbench.scaffold.write import new_files, write_files
from hashbench.testing import short_runs
from hashbench.testing.named import dataset_checks, method_checks, metric_checks

Command = Callable[..., tuple[int, str, str]]

MEMORY = """
        self.seen = getattr(self, "seen", 0) + 1
        f, g = f * self.seen, g * self.seen
"""
UNKNOWN = """
        if not batch.known.all():
            raise ValueError("all labels have to be known")
"""
BATCH_NORM = """

    def encode_image(self, images):
        codes = self.image_head(images)
        return {self.K: codes - codes.mean(0)}
"""
LABELS = """

    def encode_image(self, images, labels=None):
        return {self.K: self.image_head(images)}
"""
PAIR = "        theta = 0.5 * f @ g.T\n"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(plugins.FOLDERS, "")
    write_files(tmp_path, new_files("method", "mine", None, package=False))
    return tmp_path / "mine.py"


def broken_text(text: str, fault: str) -> str:
    match fault:
        case "resumes":
            return text.replace(PAIR, MEMORY + PAIR)
        case "unknown labels":
            return text.replace(PAIR, UNKNOWN + PAIR)
        case "trains":
            return text.replace(PAIR, PAIR + "        theta = theta * float('nan')\n")
        case "batches":
            return text + BATCH_NORM
        case "encoders":
            return text + LABELS
    return text.replace('("epochs",)', '("eras",)')


@pytest.mark.parametrize(
    "fault", ["card", "encoders", "trains", "batches", "resumes", "unknown labels"]
)
def test_a_broken_method_fails_the_check_that_is_there_for_it(
    mine: Path, fault: str, tmp_path: Path, data_dir: Path
) -> None:
    changed = broken_text(mine.read_text(), fault)
    assert changed != mine.read_text()
    mine.write_text(changed)
    checks = method_checks(mine, tmp_path / "runs", data_dir)
    verdict = checks.verdict(fault)
    assert verdict.passed is False, verdict.text
    if fault == "trains":
        assert checks.verdict("audit").passed is None
    if fault == "unknown labels":
        assert "all labels have to be known (mine.py:" in verdict.text


def test_the_command_tells_every_check(
    mine: Path,
    data_dir: Path,
    run_main: Command,
) -> None:
    code, out, _ = run_main("methods", "check", str(mine), "--json", "--data-dir", str(data_dir))
    told = json.loads(out)
    assert (code, told["passed"], told["name"]) == (0, True, "mine")
    assert [one["check"] for one in told["checks"] if one["verdict"] == "passed"] == [
        "card",
        "encoders",
        "trains",
        "audit",
        "batches",
        "resumes",
        "unknown labels",
    ]
    mine.write_text(broken_text(mine.read_text(), "encoders"))
    code, out, _ = run_main("methods", "check", str(mine), "--data-dir", str(data_dir))
    assert code == 1
    assert "FAILED   encoders: encode_image takes self, images, labels" in out
    assert "not tried" in out
    assert "verdict: 1 of 7 checks passed" in out
    for words in ([str(mine.with_name("absent.py"))], ["nowhere"]):
        code, _, err = run_main("methods", "check", *words)
        assert code == 2
        assert "Traceback" not in err


METRIC = {
    "range": ("ratio(2 *", "ratio(3 *"),
    "ties": ("hits_at_rank(histograms, metric, walk)", "WORST"),
    "mean over ties": ("hits_at_rank(histograms, metric, walk)", "BEST"),
    "order": ("    return ratio(", "    relevant = relevant.cumsum()\n    return ratio("),
    "better": ('reported=("F@50",)', 'reported=("F@50",),\n    higher_is_better=False'),
    "card": ('reported=("F@50",)', 'reported=("f@50",)'),
}


@pytest.mark.parametrize("fault", METRIC)
def test_a_broken_metric_fails_the_check_that_is_there_for_it(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(plugins.FOLDERS, "")
    write_files(tmp_path, new_files("metric", "F", None, package=False))
    path = tmp_path / "F.py"
    sound, broken = METRIC[fault]
    text = path.read_text()
    assert sound in text
    swapped = (
        'hits_at_rank(histograms, metric.with_tie("best" if metric.tie == "{}" else {}), walk)'
    )
    broken = {
        "WORST": swapped.format("worst", "metric.tie"),
        "BEST": swapped.format("expected", "metric.tie"),
    }.get(broken, broken)
    path.write_text(text.replace(sound, broken))
    verdict = metric_checks(path).verdict(fault)
    assert verdict.passed is False, verdict.text


def test_a_new_metric_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.FOLDERS, "")
    write_files(tmp_path, new_files("metric", "F", None, package=False))
    checks = metric_checks(tmp_path / "F.py")
    assert [check for check in checks if not checks.verdict(check).passed] == []


DATASET = {
    "card": ('folders=("squares",)', "folders=()"),
    "loads": ("dtype=bool", "dtype=int"),
    "repeats": ("ids = [", "import random\n    random.shuffle(rows)\n    ids = ["),
    "items": ('[(row["caption"],) for', '[() if row is rows[3] else (row["caption"],) for'),
    "split": ("name in each for name in names", "False for name in names"),
}


@pytest.fixture
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The file of a new dataset, and a data folder with the sample that its test makes."""
    monkeypatch.setenv(plugins.FOLDERS, "")
    write_files(tmp_path, new_files("dataset", "squares", None, package=False))
    test = card_file.import_file(tmp_path / "test_squares.py").TestSquares
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    test.setup_class()
    return tmp_path / "squares.py", test.data_dir


def test_a_new_dataset_passes(
    squares: tuple[Path, Path],
    run_main: Command,
) -> None:
    path, data = squares
    words = ["datasets", "check", str(path), "--no-tokens", "--json", "--data-dir", str(data)]
    code, out, _ = run_main(*words)
    told = json.loads(out)
    assert code == 0, out
    assert told["dataset"] == "squares"
    assert told["contract"]["passed"]
    assert [one["check"] for one in told["contract"]["checks"]][-1] == "runs"
    (spec,) = expand(Request(dataset=["squares"]), data)
    assert spec.dataset.file_hash == card_file.content_hash(path)
    code, out, _ = run_main(*words[:4], "--data-dir", str(path.parent))
    assert code == 1
    assert "put items.csv" in out


@pytest.mark.parametrize("fault", DATASET)
def test_a_broken_dataset_fails_the_check_that_is_there_for_it(
    squares: tuple[Path, Path], fault: str, tmp_path: Path
) -> None:
    path, data = squares
    sound, broken = DATASET[fault]
    assert sound in path.read_text()
    path.write_text(path.read_text().replace(sound, broken))
    verdict = dataset_checks(path, tmp_path / "runs", data).verdict(fault)
    assert verdict.passed is False, verdict.text


def test_a_card_without_sizes_is_left_out_of_the_list(
    squares: tuple[Path, Path], run_main: Command
) -> None:
    path, _ = squares
    path.write_text(path.read_text().replace('sizes={"squares"', 'sizes={"circles"'))
    code, out, err = run_main("datasets", "list", "--methods", str(path.parent))
    assert code == 0
    assert "mirflickr25k" in out
    assert "has no sizes for squares" in err


def test_a_metric_that_fails_costs_no_run_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv(plugins.FOLDERS, str(tmp_path))
    for name in ("F", "G"):
        write_files(tmp_path, new_files("metric", name, None, package=False))
    failing = tmp_path / "G.py"
    failing.write_text(failing.read_text().replace("    relevant = ", "    1 / 0\n    relevant = "))
    (tmp_path / "H.py").write_text("import nowhere\nMEASURE = nowhere.MEASURE\n")
    run = short_runs.make(tmp_path / "runs", method=["lsh"])
    short_runs.finish(run, data_dir)
    scores = result.read(run.result).scores["16"]["i2t"]
    assert "F@50" in scores
    assert "mAP@all" in scores
    assert "G@50" not in scores
    (note,) = (e for e in read_all(run.events) if isinstance(e, events.Note))
    assert "the plug-in metric G@50 is left out: ZeroDivisionError" in note.text
