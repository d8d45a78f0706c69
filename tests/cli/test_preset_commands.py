"""Presets and estimates on the command line: what is shown, planned and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashbench.backbones import registry
from hashbench.errors import InputError
from hashbench.launch import estimates
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import BackboneSpec, RunSpec
from tests.cli.conftest import Command

COST = RunEstimate(
    feature_seconds=3600.0,
    training_seconds=7200.0,
    scoring_seconds=60.0,
    cache_key="features",
    cache_bytes=5 * 10**9,
    run_bytes=10**8,
    memory_bytes=2 * 10**9,
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Command) -> Command:
    """Calls the program; returns exit code, output and errors."""
    monkeypatch.setenv("HASHBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HASHBENCH_RUNS", str(tmp_path / "runs"))

    return run_main


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[RunSpec]:
    """Nothing is measured: every run costs the same. The runs that were asked about."""
    asked: list[RunSpec] = []

    def measure(spec: RunSpec, data_dir: Path) -> RunEstimate:
        asked.append(spec)
        return COST

    monkeypatch.setattr(estimates, "measured_apart", measure)
    monkeypatch.setattr(estimates, "require_room", lambda *_: None)
    return asked


def test_a_preset_is_shown_with_sources_and_what_is_not_known(command: Command) -> None:
    code, out, _ = command("methods", "show", "prompthash", "--preset", "paper")
    assert code == 0
    for line in ("pretrained = metaclip_fullcc", "bits = 16,32,64", "inter = 20.0   on coco",
                 "not known:", "different all the same:", "release: train_asym.py"):  # fmt: skip
        assert line in out
    code, out, _ = command("methods", "show", "prompthash", "--preset", "paper", "-d", "coco")
    assert "inter = 20.0" in out
    assert "inter = 5.0" not in out
    code, out, _ = command("methods", "show", "pcril", "--preset", "paper", "--json")
    page = json.loads(out)
    (ratio,) = (given for given in page["options"] if given["key"] == "known_ratio")
    assert ratio["value"] == [0.3, 0.5, 0.7]
    assert page["unknown"]
    code, out, _ = command("methods", "show", "lsh", "--preset", "built-in")
    assert "backbone = picturebook-clip" in out
    assert "--preset paper" in command("methods", "show", "soda")[1]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("methods show lsh --preset paper", "--preset: there are no values of a paper for lsh"),
        ("methods show soda --preset papr", "did you mean paper"),
        ("methods show soda --dataset coco", "--dataset: says where a preset applies"),
        ("methods show soda --preset paper --dataset cocoo", "did you mean coco"),
        ("run -m lsh --preset paper --dry-run", "--preset: there are no values of a paper for lsh"),
    ],
)
def test_wrong_presets_are_refused_by_name(command: Command, words: str, refusal: str) -> None:
    code, out, err = command(*words.split())
    assert (code, out) == (2, "")
    assert refusal in err


def test_a_dry_run_says_the_preset_and_what_runs_of_papers_cost(
    command: Command, measured: list[RunSpec], tmp_path: Path
) -> None:
    code, out, _ = command("run", "--preset", "paper", "--dry-run")
    assert code == 0
    assert "soda paper preset 16 bits picturebook seed 0" in out
    assert "presets: soda on picturebook: paper" in out
    assert "about 3 h 01 min (features 1 h 00 min, training 2 h 00 min" in out
    assert "disk 5.1 GB, memory 2.0 GB" in out
    # four lengths share the features
    assert "in all about 9 h 04 min one after the other, disk 5.4 GB" in out
    assert len(measured) == 1
    code, out, _ = command("run", "--preset", "paper", "--dry-run", "--json")
    assert [run["estimate"]["seconds"] for run in json.loads(out)] == [10860.0] * 4
    measured.clear()
    for words in (("--dry-run",), ("--preset", "paper", "--dry-run", "--no-estimate")):
        code, out, _ = command("run", *words)
        assert (code, measured) == (0, [])
        assert "about" not in out
    assert "presets: soda on picturebook: built-in" in command("run", "--dry-run")[1]
    code, out, _ = command("run", "--dry-run", "--estimate")
    assert len(measured) == 1
    assert not (tmp_path / "runs").exists()


def test_a_sweep_sums_what_is_due(
    command: Command, measured: list[RunSpec], tmp_path: Path
) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text('[base]\npreset = "paper"\nbits = 16\n[[grid]]\nmethod = "soda"\nseed = [0, 1]')
    code, out, _ = command("sweep", str(file), "--dry-run")
    assert code == 0
    assert "in all about 5 h 02 min one after the other, disk 5.2 GB" in out
    code, out, _ = command("sweep", str(file), "--dry-run", "--json")
    assert all(one["estimate"]["run_bytes"] == 10**8 for one in json.loads(out))


def test_what_cannot_fit_is_refused_before_anything_is_made(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    huge = RunEstimate(
        feature_seconds=1.0, training_seconds=1.0, scoring_seconds=1.0, cache_key="",
        cache_bytes=10**18, run_bytes=1, memory_bytes=1,
    )  # fmt: skip
    monkeypatch.setattr(estimates, "measured_apart", lambda *_: huge)
    code, out, err = command("run", "--preset", "paper", "--dry-run")
    assert (code, out) == (2, "")
    assert "1,000,000,000.0 GB of disk are needed" in err
    assert "remedy: free some" in err
    assert not (tmp_path / "runs").exists()


def test_weights_of_a_paper_that_are_not_there_leave_the_built_in_preset(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(spec: BackboneSpec, data_dir: Path) -> None:
        if spec.pretrained:
            raise InputError("the weights are not there", where="--pretrained", remedy="get them")

    monkeypatch.setattr(registry, "resolve", missing)
    code, _, err = command("run", "-m", "pghmh", "--preset", "paper", "--dry-run")
    assert code == 2
    assert "remedy: get them; or --preset built-in" in err
    asked = ("--backbone", "ViT-B-32", "--pretrained", "openai")
    code, _, err = command("run", "-m", "pghmh", "--preset", "paper", "--dry-run", *asked)
    assert "--preset built-in" not in err  # these weights were asked for
    assert command("run", "-m", "pghmh", "--preset", "built-in", "--dry-run")[0] == 0
