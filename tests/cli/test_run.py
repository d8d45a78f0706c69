"""The command line as a person uses it: runs, grids, stops, and every kind of wrong input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashbench.runs import events, layout
from hashbench.runs.tailer import read_all

TINY = ("--dataset", "picturebook-tiny", "--threads", "1")


def hashbench(*arguments: str, folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hashbench", *arguments],
        env=environment(folder, data),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def environment(folder: Path, data: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HASHBENCH_RUNS": str(folder),
        "HASHBENCH_DATA": str(data),
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }


def test_a_grid_runs_and_is_compared(tmp_path: Path, data_dir: Path) -> None:
    done = hashbench(
        "run", *TINY, "-m", "soda,lsh", "-b", "8", "-b", "16", "--epochs", "3",
        folder=tmp_path, data=data_dir,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "run 4 of 4" in done.stdout
    assert done.stdout.count("audit of") == done.stdout.count(": clean") == 4
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    listed = hashbench("ls", "--json", folder=tmp_path, data=data_dir)
    runs = json.loads(listed.stdout)
    assert [run["status"] for run in runs] == ["finished"] * 4
    compared = hashbench("compare", "--format", "json", folder=tmp_path, data=data_dir)
    (table,) = json.loads(compared.stdout)["tables"]
    assert {row["method"] for row in table["rows"]} == {"soda", "lsh"}
    assert all(len(row["scores"]) == 4 for row in table["rows"])
    recomputed = hashbench(
        "compare", "--metric", "nDCG@10", "--json", folder=tmp_path, data=data_dir
    )
    (other,) = json.loads(recomputed.stdout)["tables"]
    assert other["metric"] == "nDCG@10"
    shown = hashbench("show", "last", folder=tmp_path, data=data_dir)
    assert "worst-best" in shown.stdout
    assert "audit of 60 items: clean" in shown.stdout


def test_json_is_one_event_a_line(tmp_path: Path, data_dir: Path) -> None:
    done = hashbench("run", *TINY, "-m", "lsh", "--json", folder=tmp_path, data=data_dir)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["kind"] == "finished"
    assert len({line["run"] for line in lines}) == 1


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, data_dir: Path) -> None:
    # whoever runs the tests in the background may have SIGINT ignored, which children inherit
    listening = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from hashbench.cli.main import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", listening, "run", *TINY, "--epochs", "5000"],
        env=environment(tmp_path, data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any('"kind":"epoch"' in log.read_text() for log in tmp_path.glob("*/events.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    (folder,) = layout.find(tmp_path)
    assert process.returncode == 130, out + err
    assert f"hashbench resume {folder.id}" in err
    assert (folder.checkpoint / "last.safetensors").is_file()
    listed = json.loads(hashbench("ls", "--json", folder=tmp_path, data=data_dir).stdout)
    assert listed[0]["status"] == "stopped"
    resumed = hashbench("resume", "last", "--detach", folder=tmp_path, data=data_dir)
    assert resumed.returncode == 0, resumed.stderr
    while (listed := json.loads(
        hashbench("ls", "--json", folder=tmp_path, data=data_dir).stdout
    ))[0]["status"] != "running":  # fmt: skip
        assert time.monotonic() < deadline + 60
        time.sleep(0.1)
    stopped = hashbench("stop", "last", folder=tmp_path, data=data_dir)
    assert stopped.returncode == 0, stopped.stderr
    while (
        json.loads(hashbench("ls", "--json", folder=tmp_path, data=data_dir).stdout)[0]["status"]
        != "stopped"
    ):
        assert time.monotonic() < deadline + 120
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--method", "sooda"), "did you mean soda"),
        (("run", "--dataset", "picture"), "did you mean picturebook"),
        (("run", "--bits", "many"), "--bits"),
        (("run", "--bits", "0"), "--bits"),
        (("run", "--seed", "-1"), "--seed"),
        (("run", "--set", "alpha"), "name=value"),
        (("run", "--set", "alpha=much"), "alpha"),
        (("run", "--set", "alpa=1"), "did you mean alpha"),
        (("run", "--ablate", "no-promt"), "did you mean no-prompt"),
        (("run", "--backbone", "ViT-B-61"), "did you mean ViT-B-16"),
        (("run", "--backbone", "ViT-B-16"), "--pretrained"),
        (("run", "--backbone", "ViT-B-16", "--pretrained", "nowhere.pt"), "nowhere.pt"),
        (("run", "--backbone", "ViT-B-16", "--pretrained", "openia"), "did you mean openai"),
        (("run", "--device", "gpu"), "--device"),
        (("run", "--epochs", "0"), "--epochs"),
        (("run", "--config", "missing.toml"), "missing.toml"),
        (("run", "--known-ratio", "half"), "--known-ratio"),
        (("run", "--known-ratio", "2"), "--known-ratio"),
        (("run", "--select", "best"), "--select"),
        (("resume", "nothing"), "no run named"),
        (("stop", "nothing"), "no run named"),
        (("show", "nothing"), "no run named"),
        (("ls", "--status", "done"), "state"),
        (("compare", "--format", "excel"), "format"),
        (("compare", "nothing-here"), "no run named"),
        (("compare",), "no run to compare"),
        (("methods", "show", "sda"), "did you mean soda"),
        (("cache", "rm", "nothing"), "cache entry"),
        (("cache", "rm"), "--all"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_input_is_one_message_and_exit_code_2(
    tmp_path: Path, data_dir: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = hashbench(*arguments, folder=tmp_path / "runs", data=data_dir)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())  # nothing half-written


def test_a_failing_run_exits_with_its_code_and_is_listed(tmp_path: Path, data_dir: Path) -> None:
    done = hashbench(
        "run", *TINY, "--query-size", "5000", folder=tmp_path, data=data_dir
    )  # fmt: skip
    assert done.returncode == 2
    assert "--query-size" in done.stdout
    (run,) = json.loads(hashbench("ls", "--json", folder=tmp_path, data=data_dir).stdout)
    assert run["status"] == "failed"


def test_a_detached_run_goes_on_by_itself(tmp_path: Path, data_dir: Path) -> None:
    done = hashbench("run", *TINY, "-m", "lsh", "--detach", folder=tmp_path, data=data_dir)
    assert done.returncode == 0
    deadline = time.monotonic() + 60
    while not (tmp_path / done.stdout.strip() / "result.json").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_detached_grid_goes_on_one_after_another(tmp_path: Path, data_dir: Path) -> None:
    done = hashbench(
        "run", *TINY, "-m", "lsh", "-b", "8,16", "--detach", folder=tmp_path, data=data_dir
    )
    assert done.returncode == 0
    first, second = done.stdout.split()
    deadline = time.monotonic() + 120
    while not (tmp_path / second / "result.json").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    logs = {run: read_all(tmp_path / run / "events.jsonl") for run in (first, second)}
    begun = next(event.t for event in logs[second] if isinstance(event, events.Started))
    assert logs[first][-1].t <= begun


def test_the_cache_is_listed_and_emptied(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run = hashbench("run", *TINY, "-m", "lsh", folder=tmp_path / "runs", data=data)
    assert run.returncode == 0, run.stderr
    (entry,) = json.loads(hashbench("cache", "ls", "--json", folder=tmp_path, data=data).stdout)
    assert entry["name"].startswith("picturebook")
    gone = hashbench("cache", "rm", entry["name"], folder=tmp_path, data=data)
    assert gone.returncode == 0
    assert json.loads(hashbench("cache", "ls", "--json", folder=tmp_path, data=data).stdout) == []
