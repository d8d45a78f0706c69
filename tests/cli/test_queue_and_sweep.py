"""`queue`, `sweep`, `resume --all`, `retry` and `pause`, as a person uses them."""

from __future__ import annotations

import datetime
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hashbench.launch import spawn
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from hashbench.runs import events, layout, queue, slots
from hashbench.runs.writer import EventWriter
from tests.cli.conftest import Command

SWEEP = """
[base]
dataset = "picturebook-tiny"
threads = 1

[[grid]]
method = "lsh"
bits = [8, 16]
seed = [0, 1]

[[skip]]
bits = 16
seed = 1
"""


@pytest.fixture
def command(
    tmp_path: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_main: Command,
) -> Iterator[Command]:
    """Runs the command line in this process: exit code, stdout, stderr."""
    workers: list[subprocess.Popen[bytes]] = []
    original = spawn._spawn

    def remembered(*given: Any) -> subprocess.Popen[bytes]:
        workers.append(original(*given))
        return workers[-1]

    monkeypatch.setattr(spawn, "_spawn", remembered)
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("HASHBENCH_DATA", str(data_dir))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv(slots.VARIABLE, raising=False)

    yield run_main
    for process in workers:
        process.kill()
        process.wait()


def test_a_sweep_runs_what_is_missing_or_failed_and_nothing_twice(
    command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(SWEEP)
    code, out, _ = command("sweep", str(file), "--dry-run")
    assert code == 0
    assert "3 runs: 3 missing; 3 to start" in out
    assert not (tmp_path / "runs").exists()
    # one is finished, one has failed, one is missing
    code, out, _ = command("queue", "--slots", "cpu=0")
    runs = tmp_path / "runs"
    code, out, err = command("sweep", str(file), "--queue")
    assert code == 0, err
    first, second, third = (layout.pick(runs, run) for run in out.split()[-3:])
    until(lambda: list(queue.positions(runs)) == [first.id, second.id, third.id])
    code, out, _ = command("sweep", str(file), "--dry-run")
    assert "3 runs: 3 queued; 0 to start" in out  # their workers live
    assert command("sweep", str(file), "--queue")[0] == 0
    assert len(layout.find(runs)) == 3
    code, out, _ = command("queue")
    assert [line.split()[:2] for line in out.splitlines()[-3:]] == [
        [str(place), run.id] for place, run in enumerate((first, second, third), start=1)
    ]
    assert command("queue", third.id, "--priority", "3")[0] == 0
    assert command("pause", second.id)[0] == 0
    until(lambda: "queued" not in listed(command)[second.id])
    overview = json.loads(command("queue", "--json")[1])
    assert [entry["run"] for entry in overview["waiting"]] == [third.id, first.id, second.id]
    assert [entry["paused"] for entry in overview["waiting"]] == [False, False, True]
    assert command("stop", first.id, second.id)[0] == 0
    until(lambda: list(queue.positions(runs)) == [third.id])
    assert command("queue", "--slots", "cpu=1")[0] == 0
    until(lambda: listed(command)[third.id] == "finished", 120)
    with EventWriter(first.events) as writer:
        writer.write(events.Failed(reason="no luck"))
    assert listed(command) == {first.id: "failed", second.id: "stopped", third.id: "finished"}
    code, out, _ = command("sweep", str(file), "--dry-run", "--json")
    assert [one["due"] for one in json.loads(out)] == [True, True, False]
    code, out, err = command("sweep", str(file))  # watched, in this terminal
    assert code == 0, err
    assert "run 2 of 2" in out
    assert set(listed(command).values()) == {"finished"}
    assert "0 to start" in command("sweep", str(file))[1]
    assert len(layout.find(runs)) == 3


def test_what_was_interrupted_goes_on_and_what_failed_is_tried_again(command: Command) -> None:
    assert command("queue", "--slots", "cpu=0")[0] == 0
    words = ("-m", "lsh", "-d", "picturebook-tiny", "--threads", "1", "-b", "8")
    _, out, _ = command("run", *words, "-s", "0,1", "--queue")
    one, other = out.split()
    until(lambda: listed(command) == {one: "queued", other: "queued"})
    assert command("stop", one, other)[0] == 0
    until(lambda: set(listed(command).values()) == {"stopped"})
    assert command("stop", one)[0] == 2
    assert command("queue", "--slots", "cpu=1")[0] == 0
    code, _, err = command("resume", "--all", "--json")
    assert code == 0, err
    assert set(listed(command).values()) == {"finished"}
    assert "no run was interrupted" in command("resume", "--all")[2]
    assert "no run has failed" in command("retry", "--failed")[2]
    assert "no run is in that state" in command("stop", "--all")[2]
    assert command("retry", one)[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("queue --slots many", "is not a number of slots"),
        ("queue --slots cpu=-1", "is not a number of slots"),
        ("queue --priority 3", "hashbench queue RUN --priority 3"),
        ("queue some-run", "hashbench queue some-run --priority 5"),
        ("queue last --priority 3", "no run named"),
        ("run --priority 3", "remedy: add --queue"),
        ("run -m lsh --queue --priority 5000", "out of range"),
        ("compare -m bogus", "--metric: there is no metric named 'bogus'"),
        ("eval codes.mat -m bogus", "--metric: there is no metric named 'bogus'"),
        ("audit", "no run has finished"),
        ("resume", "names no run"),
        ("resume --all last", "cannot be combined"),
        ("retry", "names no run"),
        ("retry --failed last", "remedy: either names or --failed"),
        ("pause nobody", "no run named"),
        ("sweep nowhere.toml", "cannot be read"),
        ("run -b 0-99999999999999999999", "--bits: '0-99999999999999999999' is more than 10,000"),
        ("run -s 0-99999999999999999999", "--seed: '0-99999999999999999999' is more than 10,000"),
        ("run -s 99999999999999999999", "--seed: 99999999999999999999 is out of range"),
        ("run -d mirflickr25k", "--dataset: mirflickr25k is missing"),
        ("run -m pcril --unknown ignore --dry-run", "--unknown: has no effect on pcril"),
        ("run -d coco --dry-run", "--dataset: coco is missing"),
        ("run -d wikipedia -m pcril --dry-run", "--method: pcril cannot work on wikipedia"),
        ("run --backbone ViT-B-16 --dry-run", "--pretrained: ViT-B-16 needs weights"),
        ("run --epochs two", "--epochs: 'two' is not a whole number"),
    ],
)
def test_wrong_words_are_one_message(command: Command, words: str, message: str) -> None:
    code, _, err = command(*words.split())
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[base]\ndataset = "coco"', "--dataset: coco is missing"),
        ('[base]\nbackbone = "ViT-B-16"', "--pretrained: ViT-B-16 needs weights"),
        ('[[grid]]\nmethod = "pcril"\ndataset = "wikipedia"', "pcril cannot work on wikipedia"),
    ],
)
@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_sweep_that_cannot_work_is_refused_before_it_starts(
    command: Command, tmp_path: Path, words: tuple[str, ...], text: str, message: str
) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(text)
    code, _, err = command("sweep", str(file), *words)
    assert (code, message in err) == (2, True), err
    assert not (tmp_path / "runs").exists()


def test_the_spec_of_a_run_is_a_config_file(command: Command, tmp_path: Path) -> None:
    words = ("-m", "lsh", "-d", "picturebook-tiny", "-b", "8", "--known-ratio", "0.5")
    (spec,) = expand(
        Request(method="lsh", dataset="picturebook-tiny", bits=8, known_ratio=0.5, threads=1)
    )
    folder = layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))
    _, planned, _ = command("run", *words, "--dry-run")
    code, again, err = command("run", "--config", str(folder.spec), "--dry-run")
    assert code == 0, err
    assert again == planned
    code, seeds, err = command("run", "--config", str(folder.spec), "-s", "0-2", "--dry-run")
    assert code == 0, err
    assert seeds.endswith("3 runs\n")
    folder.spec.write_text(folder.spec.read_text().replace("seed = 0", "sed = 0"))
    code, _, err = command("run", "--config", str(folder.spec), "--dry-run")
    assert code == 2
    assert "spec.toml" in err


def test_choices_of_parameters_and_ablations_are_a_grid(command: Command) -> None:
    words = ("--set", "alpha=0.01,0.1,1", "--ablate", "none", "--ablate", "no-prompt")
    code, out, err = command("run", *words, "--dry-run")
    assert code == 0, err
    assert out.endswith("6 runs\n")
    planned = json.loads(command("run", *words, "--dry-run", "--json")[1])
    assert [spec["params"]["alpha"] for spec in planned] == [0.01, 0.1, 1.0] * 2
    assert [spec["ablations"] for spec in planned] == [[]] * 3 + [["no-prompt"]] * 3


def test_each_ablation_is_the_method_and_all_that_change_something(command: Command) -> None:
    words = ("run", "-m", "pcril", "--each-ablation", "--dry-run")
    code, out, err = command(*words, "--json")
    assert code == 0, err
    planned = json.loads(out)
    changes = [tuple(spec["ablations"]) for spec in planned]
    assert changes[0] == ()
    assert ("no-PCR",) in changes
    assert ("ANM",) not in changes  # what the method does anyway
    assert all(spec["params"] != planned[0]["params"] for spec in planned[1:])
    assert len(set(changes)) == len(changes) > 15
    leaks = json.loads(command("run", "-m", "prompthash", *words[3:], "--json")[1])
    assert not [spec for spec in leaks if "leak-label" in spec["ablations"]]
    assert "so does --ablate" in command(*words, "--ablate", "no-PCR")[2]


def listed(command: Command) -> dict[str, str]:
    return {line["run"]: line["status"] for line in json.loads(command("ls", "--json")[1])}


def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
