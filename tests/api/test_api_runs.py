"""Runs, tables and training from a program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hashbench
from hashbench.errors import InputError, TrainingError
from hashbench.guide import chapters
from hashbench.runs import events
from hashbench.runs.writer import EventWriter
from tests.report.scored_runs import scored_run


def test_a_run_is_read_as_its_folder_says(tmp_path: Path) -> None:
    folder = scored_run(tmp_path, method="lsh", bits=[16, 32])
    run = hashbench.load_run("last", tmp_path)
    assert run.id == folder.id == hashbench.load_run(folder.path).id
    assert run.spec.method == "lsh"
    for (bits, direction), ours in run.evaluate(["mAP@all", "P@r2"]).items():
        for name, result in ours.items():
            assert result.value == run.scores[str(bits)][direction][name]
    (only,) = run.codes("i2t", bits=32)
    assert (only.query.bits, only.direction) == (32, "i2t")
    assert folder.id in str(run)
    assert "<pre" in run._repr_html_()
    assert "<script" not in run._repr_html_()


def test_events_are_those_of_the_file(tmp_path: Path) -> None:
    folder = scored_run(tmp_path, method="lsh")
    with EventWriter(folder.events) as writer:
        writer.write(events.Note(level="info", text="one"))
        writer.write(events.Finished(seconds=1.0))
    run = hashbench.load_run("last", tmp_path)
    assert [type(one) for one in run.events()] == [events.Note, events.Finished]
    assert [type(one) for one in run.events(follow=True)] == [events.Note, events.Finished]
    assert run.status == "finished"
    assert run.wait() is run


def test_a_worker_that_died_ends_the_wait(tmp_path: Path) -> None:
    folder = scored_run(tmp_path, method="lsh")
    with EventWriter(folder.events) as writer:
        writer.write(events.Failed(reason="no memory", remedy="a smaller batch"))
    run = hashbench.load_run("last", tmp_path)
    with pytest.raises(TrainingError, match="no memory") as caught:
        run.wait()
    assert caught.value.remedy == "a smaller batch"


def test_tables_in_every_form(tmp_path: Path) -> None:
    for number, (method, seed, noise) in enumerate(
        [("soda", 0, 0.1), ("soda", 1, 0.1), ("lsh", 0, 0.3)]
    ):
        run = scored_run(tmp_path, method=method, seed=seed, noise=noise, second=number)
    table = hashbench.compare(runs_dir=tmp_path, versus="lsh")
    records = table.records()
    assert {(one["method"], one["seeds"]) for one in records} == {("soda", 2), ("lsh", 1)}
    assert all((one["p"] is None) == (one["method"] == "lsh") for one in records)
    html = table._repr_html_()
    best = max(one["mean"] for one in records)
    assert re.search(rf"<b>\s*{best:.4f}", html)
    assert html.count("<tr>") == 3
    assert "**" in table.to_markdown()
    assert "textbf" in table.to_latex()
    assert table.to_csv().count("\n") == 5
    one = hashbench.compare([hashbench.load_run(run.path), run.id], runs_dir=tmp_path)
    assert len(one.records()) == 2
    files = {"Theirs": run.codes / "16.npz"}
    with_files = hashbench.compare(runs_dir=tmp_path, code_files=files)
    assert "Theirs (file)" in {one["method"] for one in with_files.records()}
    with pytest.raises(InputError, match="no run has finished"):
        hashbench.compare(runs_dir=tmp_path / "none")


def test_training_from_a_program(tmp_path: Path, data_dir: Path) -> None:
    run = hashbench.train(
        method="lsh", dataset="picturebook-tiny", bits=16, seed=3, threads=1,
        runs_dir=tmp_path, data_dir=data_dir, wait=False,
    )  # fmt: skip
    seen = [type(event) for event in run.events(follow=True)]
    assert events.Started in seen
    assert seen[-1] is events.Finished
    assert run.wait().status == "finished"
    assert run.spec.seed == 3
    assert 0 < run.scores["16"]["i2t"]["mAP@all"] < 1


def test_the_chapter_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chapter,) = [one for one in chapters() if one.name == "python"]
    run = scored_run(tmp_path / "runs", method="lsh")
    with EventWriter(run.events) as writer:
        writer.write(events.Finished(seconds=1.0))
    monkeypatch.chdir(tmp_path)
    # training for real is the test above
    monkeypatch.setattr(hashbench, "train", lambda **_: hashbench.load_run(run.path))
    blocks = re.findall(r"```python\n(.*?)```", chapter.text, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, chapter.name, "exec"), names)  # noqa: S102  # our own text
    metric = names["metric"]
    assert isinstance(metric, hashbench.RetrievalMetric)
    assert metric.compute().value > 0.5
