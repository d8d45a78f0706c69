"""`hashbench audit` on code files and run folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from hashbench.cli.audit import audit_command
from hashbench.codefiles import native
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("audit")(audit_command)


def audited(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(app, [str(a) for a in arguments])


def audits(*arguments: str | Path) -> list[dict[str, Any]]:
    done = audited(*arguments, "--json")
    assert done.exit_code == 0, done.output
    result: list[dict[str, Any]] = json.loads(done.stdout)
    return result


@pytest.fixture
def labels() -> np.ndarray:
    """3,000 label sets over 12 classes, from a few themes so that they recur."""
    rng = np.random.default_rng(0)
    themes = np.minimum(rng.gamma(0.3, 0.8, (8, 12)), 0.9)
    return np.asarray(rng.random((3000, 12)) < themes[rng.integers(0, 8, 3000)])


def leaking(labels: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    codes = labels @ rng.normal(size=(12, 32)) + rng.normal(size=32) > 0
    return np.asarray(codes ^ (rng.random(codes.shape) < 0.05))


def honest(labels: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    content = labels * 2.0 + rng.normal(size=labels.shape) + rng.normal(size=(len(labels), 1))
    return np.asarray((content - content.mean(axis=0)) @ rng.normal(size=(12, 32)) > 0)


def npz(path: Path, codes: np.ndarray, labels: np.ndarray) -> Path:
    np.savez(path, val_B=codes[:400], retrieval_B=codes[400:], L_te=labels[:400], L_db=labels[400:])
    return path


def test_verdicts_in_words(tmp_path: Path, labels: np.ndarray) -> None:
    leak = npz(tmp_path / "leak.npz", leaking(labels, 1), labels)
    clean = npz(tmp_path / "clean.npz", honest(labels, 2), labels)
    single = npz(tmp_path / "single.npz", honest(labels, 3), np.eye(12)[np.arange(3000) % 12])
    one, two, three = audits(leak, clean, single)
    assert one["verdict"] == "consistent with label input"
    assert two["verdict"] == "no sign of label input"
    assert three["verdict"] == "not decidable"
    assert one["encoder"] is None
    (codes,) = one["codes"]
    assert codes["separation"]["low"] <= codes["separation"]["value"]
    assert codes["identical_same"] > codes["identical_one_off"]
    assert [bucket["least"] for bucket in codes["buckets"]] == [1, 3, 11, 51]
    done = audited(leak)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    for word in ("consistent with label input", "separation", "chance", "overlap", "identical"):
        assert word in " ".join(done.stdout.split())
    assert "single-label data" in " ".join(audited(single).stdout.split())


def test_a_leak_in_one_modality_is_the_verdict(tmp_path: Path, labels: np.ndarray) -> None:
    codes = {"image": honest(labels, 1), "text": leaking(labels, 2)}
    query, database = (
        {name: Codes.from_signs(part[rows]) for name, part in codes.items()}
        for rows in (slice(0, 400), slice(400, None))
    )
    sides = (LabelMasks.from_multi_hot(labels[rows]) for rows in (slice(0, 400), slice(400, None)))
    native.write_codes(tmp_path / "run" / "codes", native.CodeSet(32, query, database, *sides))
    (one,) = audits(tmp_path / "run")
    verdicts = {part["direction"]: part["verdict"] for part in one["codes"]}
    assert set(verdicts) == {"i2t", "t2i", "i2i", "t2t"}
    assert verdicts["t2t"] == one["verdict"] == "consistent with label input"
    assert verdicts["i2i"] == "no sign of label input"


def test_the_encoder_of_a_run_is_reported(tmp_path: Path, labels: np.ndarray) -> None:
    from hashbench.runs import events, result
    from hashbench.runs.writer import EventWriter

    codes = honest(labels, 1)
    sets = native.CodeSet(
        32,
        {"mm": Codes.from_signs(codes[:400])},
        {"mm": Codes.from_signs(codes[400:])},
        LabelMasks.from_multi_hot(labels[:400]),
        LabelMasks.from_multi_hot(labels[400:]),
    )
    run = tmp_path / "20260101-000000-test"
    native.write_codes(run / "codes", sets)
    (run / "spec.toml").write_text("")
    made = result.Result(
        run=run.name, spec_hash="", protocol="published", directions=("mm",),
        split={"name": "own", "hash": "", "query": 400, "database": 9, "fit": 9, "validation": 1},
        dataset={"name": "mine", "fingerprint": "", "items": 9}, backbone="",
        selected={"by": "last", "stage": "s", "epoch": 1, "score": None},
        scores={"32": {"mm": {"mAP@all": 0.5}}}, codes={}, floor=0.0, without_relevant=0,
        audit=result.AuditResult(sample=256, labels=0.25, paired=0.0, batch=0.0), seconds=1.0,
        facts={},
    )  # fmt: skip
    result.write(run / "result.json", made)
    (one,) = audits(run)
    assert (one["encoder"]["labels"], one["encoder"]["clean"]) == (0.25, False)
    with EventWriter(run / "events.jsonl") as writer:
        writer.write(events.Finished(seconds=1.0))
    (whole,) = audits("--runs-dir", tmp_path)  # without files: all finished runs
    assert whole["encoder"] == one["encoder"]
    by_id = audited("20260101-000000-test", "--runs-dir", tmp_path)
    assert "permuted labels 25.00%" in " ".join(by_id.stdout.split())


def test_one_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.mat", tmp_path / "missing-run"):
        done = audited(path, "--runs-dir", tmp_path)
        assert isinstance(done.exception, InputError)
        assert done.exception.exit_code == 2


@pytest.mark.shared
def test_published_codes(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "codes"
    (pghmh,) = audits(folder / "pghmh_flickr25k_16.mat")
    assert pghmh["verdict"] == "consistent with label input"
    labels = tmp_path / "labels.npz"
    np.savez(labels, query=np.repeat(np.arange(10), 100), database=np.repeat(np.arange(10), 5400))
    (adsh,) = audits(folder / "adsh_cifar10_24.mat", "--labels", labels)
    assert adsh["verdict"] == "not decidable"
