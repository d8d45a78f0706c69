"""Sweeps that ship with hashbench: what they hold, and how they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashbench import sweeps
from hashbench.cli.main import app
from hashbench.errors import UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.sweep import read_sweep


def test_the_table_of_baselines_has_every_method_and_both_ends() -> None:
    specs = read_sweep(sweeps.shipped()["picturebook-baselines"])
    assert {spec.method for spec in specs} == set(catalog.methods())
    assert {spec.dataset.name for spec in specs} == {"picturebook"}
    assert {spec.seed for spec in specs} == {0, 1, 2}
    for name, card in catalog.methods().items():
        lengths = {bits for spec in specs if spec.method == name for bits in spec.bits}
        assert lengths == {16, 32, 64}, name
        assert card.joint_bits == any(len(s.bits) > 1 for s in specs if s.method == name)
    full = [spec for spec in specs if "full-tuned-2" in spec.ablations]
    assert {spec.params["tuned_blocks"] for spec in full} == {2}


def test_incomplete_labels_are_those_of_the_methods_that_see_labels() -> None:
    specs = read_sweep(sweeps.shipped()["picturebook-known-ratio"])
    ratios: dict[str, set[float]] = {}
    for spec in specs:
        ratios.setdefault(spec.method, set()).add(spec.labels.known_ratio)
        assert spec.labels.unknown == "negative"
    for name, of_method in ratios.items():
        card = catalog.method(name)
        sees = card.supervised and not card.published_only
        expected = {0.3, 0.5, 0.7} if sees else {1.0}
        assert of_method == expected, name
    supervised = {n for n, c in catalog.methods().items() if c.epoch_params and c.supervised}
    assert supervised - set(ratios) == {"prompthash", "pghmh", "clipmh"}


def test_a_shipped_sweep_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(app, ["sweep"])
    assert listed.exit_code == 0, listed.output
    named = json.loads(CliRunner().invoke(app, ["sweep", "--json"]).stdout)
    for name, path in sweeps.shipped().items():
        assert name in listed.stdout
        assert named[name] == sweeps.summary(path) != ""
    name = "picturebook-known-ratio"
    done = CliRunner().invoke(app, ["sweep", name, "--dry-run", "--runs-dir", "r", "--json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)) == len(read_sweep(sweeps.shipped()[name]))
    wrong = CliRunner().invoke(app, ["sweep", "picturebook-baseline", "--dry-run"])
    assert isinstance(wrong.exception, UnknownNameError)
    assert "did you mean picturebook-baselines" in str(wrong.exception.remedy)
    # a file of the same name in the working folder is what was meant
    Path(name).write_text('[base]\ndataset = "picturebook-tiny"\n[[grid]]\nmethod = "lsh"\n')
    own = CliRunner().invoke(app, ["sweep", name, "--dry-run", "--runs-dir", "r", "--json"])
    assert len(json.loads(own.stdout)) == 1
