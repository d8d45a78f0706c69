"""`hashbench alerts` and `diff`, the marks of `ls` and `show`, and what --on-finish refuses."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from hashbench.report.alerts import alerts, span
from hashbench.runs import events, on_finish
from hashbench.runs.writer import EventWriter
from tests.cli.conftest import Command
from tests.tui import fixtures

DAMAGED_BITS = [
    events.Monitors(stage="teacher", epoch=epoch, values={"constant bits": 0.9})
    for epoch in range(3)
]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Runs whose events are written now: one warned of and failed, one finished, one lost."""
    failed = fixtures.folder(tmp_path, fixtures.spec(seed=0), 1)
    with EventWriter(failed.events) as writer:
        for event in [fixtures.started(alive=False), *fixtures.training(3), *DAMAGED_BITS]:
            writer.write(event)
        writer.write(events.Failed(reason="the loss is \x1b[31m nan", remedy="a smaller rate"))
        writer.write(events.Notified(action="notify me", problem="ended with code 3"))
    finished = fixtures.folder(tmp_path, fixtures.spec(seed=1, ablations=("no-prompt",)), 2)
    with EventWriter(finished.events) as writer:
        for event in [fixtures.started(alive=False), *fixtures.training(20)]:
            writer.write(event)
    fixtures.finish(finished, fixtures.spec(seed=1, ablations=("no-prompt",)), 0.8)
    lost = fixtures.folder(tmp_path, fixtures.spec("lsh", seed=2), 3)
    with EventWriter(lost.events) as writer:
        writer.write(fixtures.started(alive=False))
    fixtures.folder(tmp_path, fixtures.spec(seed=3), 4)  # it waits, and has no events
    return tmp_path


def test_alerts_of_all_runs(run_main: Command, runs_dir: Path) -> None:
    code, out, _ = run_main("alerts", "--since", "1h", "--json", "--runs-dir", str(runs_dir))
    found = json.loads(out)
    assert code == 0
    by_kind = {one["kind"]: one for one in found}
    assert sorted(one["kind"] for one in found) == ["failed", "lost", "note", "warning"]
    assert by_kind["warning"]["text"].startswith("constant-bits (teacher epoch 3): 90% of")
    assert by_kind["failed"]["text"] == "the loss is ?[31m nan"
    assert by_kind["failed"]["remedy"] == "a smaller rate"
    assert "code 3" in by_kind["note"]["text"]
    assert "lsh" in by_kind["lost"]["run"]
    assert [one["t"] for one in found] == sorted(one["t"] for one in found)
    # the fixture's result was written with a time of long ago
    everything = alerts(runs_dir, 0.0)
    assert [one.kind for one in everything].count("finished") == 1
    code, out, _ = run_main("alerts", "--since", "1w", "--runs-dir", str(runs_dir))
    assert "⚠ warning" in out
    assert "    try: a smaller rate" in out
    assert "\x1b" not in out


def test_nothing_new_is_read_of_runs_that_were_silent(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("its events were read")

    monkeypatch.setattr("hashbench.report.alerts.Tailer", never)
    assert alerts(runs_dir, time.time() + 60) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("2d", 172800), ("1w", 604800)],
)
def test_a_span_of_time(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 year", "1e9h"])
def test_what_is_no_span_is_refused(run_main: Command, text: str, tmp_path: Path) -> None:
    code, _, err = run_main("alerts", f"--since={text}", "--runs-dir", str(tmp_path))
    assert code == 2
    assert "--since" in err


def test_ls_and_show_mark_a_warned_run(run_main: Command, runs_dir: Path) -> None:
    _, out, _ = run_main("ls", "--runs-dir", str(runs_dir))
    assert [line for line in out.splitlines() if "⚠" in line] == [
        line for line in out.splitlines() if "failed" in line
    ]
    _, out, _ = run_main("ls", "--json", "--runs-dir", str(runs_dir))
    assert [one["warnings"] for one in json.loads(out)] == [["constant-bits"], [], [], []]
    run = next(one.name for one in runs_dir.iterdir() if "s0" in one.name)
    _, out, _ = run_main("show", run, "--runs-dir", str(runs_dir))
    assert "⚠ warning constant-bits (teacher epoch 3)" in out
    _, out, _ = run_main("show", run, "--json", "--runs-dir", str(runs_dir))
    (warning,) = json.loads(out)["warnings"]
    assert warning["value"] == 0.9


def test_diff_shows_what_differs_and_nothing_else(run_main: Command, runs_dir: Path) -> None:
    first, second = sorted(one.name for one in runs_dir.iterdir() if "soda" in one.name)[:2]
    code, out, _ = run_main("diff", first, second, "--json", "--runs-dir", str(runs_dir))
    found = json.loads(out)
    assert code == 0
    assert found["names"] == ["soda seed 0", "soda no-prompt seed 1"]
    rows = {row["key"]: row["values"] for row in found["rows"]}
    assert rows["seed"] == ["0", "1"]
    assert rows["ablations"] == ["none", "no-prompt"]
    assert rows["warnings"] == ["constant-bits", "none"]
    assert all(len(set(values)) > 1 for values in rows.values())
    assert not {"method", "bits", "dataset.name", "version"} & rows.keys()
    code, out, _ = run_main("diff", first, second, "--runs-dir", str(runs_dir))
    assert "soda no-prompt seed 1" in out
    assert "agree" in out


def test_diff_of_one_run_and_of_a_damaged_one(run_main: Command, runs_dir: Path) -> None:
    first, second, third = sorted(one.name for one in runs_dir.iterdir())[:3]
    code, _, err = run_main("diff", first, first, "--runs-dir", str(runs_dir))
    assert code == 2
    assert "two runs" in err
    (runs_dir / third / "spec.toml").write_text("not = [toml")
    code, out, err = run_main("diff", first, second, third, "--runs-dir", str(runs_dir))
    assert code == 0
    assert "left out" in err
    assert "no-prompt" in out


def test_a_wrong_action_makes_no_run(
    run_main: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--runs-dir", str(tmp_path / "runs"))
    code, _, err = run_main("run", "--on-finish", "no-such-command", *where)
    assert (code, (tmp_path / "runs").exists()) == (2, False)
    assert "no-such-command" in err
    monkeypatch.setenv(on_finish.VARIABLE, "webhook=nowhere")
    code, _, err = run_main("run", *where)
    assert (code, (tmp_path / "runs").exists()) == (2, False)
    assert "http" in err
