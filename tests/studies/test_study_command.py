"""`hashbench study`, as a person uses it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from hashbench.guide import chapters
from hashbench.plan.spec import RunSpec
from hashbench.runs import events, layout
from hashbench.runs.writer import EventWriter
from hashbench.studies.catalog import find, studies
from hashbench.studies.runs import plan
from tests.cli.conftest import Command, run_main  # noqa: F401  # the fixture
from tests.report.scored_runs import scored

SMALL = """
question = "Do more bits help random projections?"
source = "mine"
[base]
method = "lsh"
dataset = "picturebook-tiny"
threads = 1
[[grid]]
bits = [8, 16]
[[compare]]
claim = "16 bits beat 8"
rows = { bits = 16 }
against = { bits = 8 }
"""


@pytest.fixture
def command(
    tmp_path: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_main: Command,  # noqa: F811
) -> Command:
    """Runs the command line in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("HASHBENCH_DATA", str(data_dir))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("COLUMNS", "80")
    return run_main


def test_from_the_question_to_the_answer(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    code, _, err = command("study", "report", str(file))
    assert code == 2
    assert f"remedy: hashbench study run {file}" in err
    code, out, err = command("study", "run", str(file), "--dry-run")
    assert code == 0, err
    assert "2 runs: 2 missing; 2 to start" in out
    assert not (tmp_path / "runs").exists()
    code, out, err = command("study", "run", str(file))
    assert code == 0, err
    assert f"the answer: hashbench study report {file}" in err
    code, out, err = command("study", "run", str(file))
    assert code == 0, err
    assert "2 finished; 0 to start" in out
    assert len(layout.find(tmp_path / "runs")) == 2
    code, out, err = command("study", "report", str(file))
    assert code == 0, err
    assert max(map(len, out.splitlines())) <= 80
    text = " ".join(out.split())
    assert "16 bits beat 8: undecided: too few seeds" in text
    assert "1 seed, 60 queries" in text
    assert "3 seeds at least would tell more" in text
    code, out, err = command("study", "show", str(file), "--json")
    assert code == 0, err
    assert [run["state"] for run in json.loads(out)["runs"]] == ["finished"] * 2


def quick_runs(folder: Path, specs: tuple[RunSpec, ...]) -> None:
    for number, spec in enumerate(specs):
        noise = 0.3 if "no-prompt" in spec.ablations else 0.2
        run = scored(folder, spec, noise=noise, draw=number, names=["mAP@all"])
        with EventWriter(run.events) as writer:
            writer.write(events.Finished(seconds=1.0))


def test_a_report_is_printed_written_and_plain(command: Command, tmp_path: Path) -> None:
    planned = plan(find("soda-templates"), {}, tmp_path, quick=True)
    quick_runs(tmp_path / "runs", planned.specs)
    code, out, err = command("study", "report", "soda-templates", "--quick", "--json")
    assert code == 0, err
    content = json.loads(out)
    assert content["missing"] == 0
    assert content["findings"][0]["reading"] == "shown"
    assert content["figures"][0]["kind"] == "parameter"
    assert len(content["figures"][0]["runs"]) == 18
    assert content["verdict"].startswith("The paper's label prompt teaches better codes than a")
    for name in ("answer.md", "answer.json"):
        written = tmp_path / name
        assert command("study", "report", "soda-templates", "--quick", "-o", str(written))[0] == 0
        assert content["verdict"] in written.read_text().replace("\\u2026", "…")
    page = tmp_path / "answer.html"
    words = ("study", "report", "soda-templates", "--quick", "--no-figures")
    assert command(*words, "-o", str(page))[0] == 0
    shown = html.unescape(page.read_text())
    assert "Which label prompt teaches SODA best" in shown
    assert content["verdict"] in shown
    assert "hashbench study run soda-templates --quick" in shown
    same = tmp_path / "same.html"  # `report` takes the name of a study, too
    words = ("report", "soda-templates", "--quick", "--no-figures", "-o", str(same))
    assert command(*words)[0] == 0
    assert same.read_bytes() == page.read_bytes()
    assert command("report", "--quick")[0] == 2
    code, out, err = command("study", "report", "soda-templates", "--quick")
    assert code == 0, err
    assert "over template" in out or "template" in out.rpartition("mean ± sample")[2]
    code, _, err = command("study", "report", "soda-templates", "--quick", "-o", "answer.doc")
    assert (code, "FILE.md" in err) == (2, True)
    code, out, err = command("study", "show", "soda-templates", "--quick", "--no-estimate")
    assert code == 0, err
    text = " ".join(out.split())
    assert "18 runs: 18 finished; 0 to start" in text
    assert "The paper's label prompt teaches better codes" in text
    # the full study has other runs, of which none is there
    assert "with --quick if the runs were" in command("study", "report", "soda-templates")[2]


def test_a_study_of_labels_needs_no_run(command: Command) -> None:
    code, out, err = command("study", "report", "pcril-pairs", "--quick", "--seeds", "0-2")
    assert code == 0, err
    text = " ".join(out.split())
    assert re.search(r"dissimilar pairs vanish at \d+% unknown labels", text)
    assert "nothing to train" in command("study", "show", "pcril-pairs", "--quick")[1]
    code, out, err = command("study", "report", "pcril-label-sets", "--quick", "--json")
    assert code == 0, err
    (analysis,) = json.loads(out)["analyses"]
    sets = analysis["numbers"]["sets"]
    assert [one["known_ratio"] for one in sets] == [1.0, 0.7, 0.5, 0.3]
    assert {sum(one["frequencies"]) for one in sets} == {one["items"] for one in sets} == {200}


def test_all_studies_are_listed_and_in_the_guide(command: Command) -> None:
    code, out, _ = command("study", "list", "--json")
    assert code == 0
    listed = {one["name"]: one["question"] for one in json.loads(out)}
    assert listed.keys() == {study.name for study in studies()}
    (chapter,) = [one for one in chapters() if one.name == "studies"]
    for name, question in listed.items():
        assert f"| `{name}` | {question} |" in chapter.text
    assert "Traceback" not in command("study", "list")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("study run soda-alfa", "did you mean soda-alpha"),
        ("study show nowhere.toml", "cannot be read"),
        ("study run soda-alpha --dataset coco", "--dataset: coco is missing"),
        ("study show bits --bits 32", "bits: --bits: nothing is left to compare"),
        ("study run soda-alpha --priority 3", "remedy: add --queue"),
    ],
)
def test_wrong_words_are_one_message(command: Command, words: str, message: str) -> None:
    code, _, err = command(*words.split())
    assert (code, message in err) == (2, True), err
