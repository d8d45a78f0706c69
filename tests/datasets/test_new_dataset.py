"""A new dataset is a new folder: nothing else is edited, and every command knows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hashbench.datasets
from hashbench.cli.datasets import app
from hashbench.cli.main import main
from hashbench.errors import InputError
from hashbench.plan import catalog, released_splits
from hashbench.plan.request import Request, expand

CARD = """
from hashbench.plan.card import (
    DatasetCard, DrawingRule, Part, ReferenceLabels, ReleasedSplit, SplitSizes
)

CARD = DatasetCard(
    name="houses",
    title="Houses",
    summary="drawn houses",
    entry="hashbench.datasets.houses.dataset:load",
    sizes={"houses": SplitSizes(query=60, train=200)},
    splits=(
        ReleasedSplit("mith", SplitSizes(70, 300)),
        ReleasedSplit("official", SplitSizes(80, 400), rule=DrawingRule("as released", seed=3)),
    ),
    published_items={"houses": {600: "the houses of the paper"}},
    reference_labels=(
        ReferenceLabels("the houses of the paper", 600, {"red": 300, "small": 100, "tiny": 50},
                        within=(("tiny", "small"),)),
    ),
    folders=("houses",),
    parts=(Part("the list of houses", ("houses.txt",)),),
    remedy="write houses.txt",
)
"""

DATASET = """
import numpy as np

from hashbench.datasets import availability
from hashbench.datasets.base import Dataset
from hashbench.datasets.fingerprint import content_fingerprint
from hashbench.datasets.houses import CARD
from hashbench.datasets.pictures import FilePictures


def load(data_dir, params):
    folder = availability.require_folder(CARD, data_dir, params)
    ids = (folder / "houses.txt").read_text().split()
    number = np.arange(len(ids))
    labels = np.stack([number % 2 == 0, number % 6 == 0, number % 12 == 0], axis=1)
    captions = [(f"house {name}",) for name in ids]
    names = ("red", "small", "tiny")
    return Dataset("houses", ids, labels, captions, names, FilePictures(folder, ids),
                   content_fingerprint("houses", ids, labels, captions, names))
"""


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder for a dataset whose code lies in a folder of the package's search path."""
    code = tmp_path / "code" / "houses"
    code.mkdir(parents=True)
    (code / "__init__.py").write_text(CARD)
    (code / "dataset.py").write_text(DATASET)
    path = [*hashbench.datasets.__path__, str(code.parent)]
    monkeypatch.setattr(hashbench.datasets, "__path__", path)
    catalog.built_in_datasets.cache_clear()
    data = tmp_path / "data"
    (data / "houses").mkdir(parents=True)
    (data / "houses" / "houses.txt").write_text(" ".join(f"h{n}.png" for n in range(600)))
    yield data
    for name in [name for name in sys.modules if name.startswith("hashbench.datasets.houses")]:
        del sys.modules[name]
        vars(hashbench.datasets).pop("houses", None)
    catalog.built_in_datasets.cache_clear()


def call(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_list_show_and_split(houses: Path, tmp_path: Path) -> None:
    data = ("--data-dir", houses)
    (line,) = [
        line for line in json.loads(call("list", "--json", *data)) if line["name"] == "houses"
    ]
    assert line["available"]
    (line,) = [
        line
        for line in json.loads(call("list", "--json", "--data-dir", tmp_path))
        if line["name"] == "houses"
    ]
    assert "write houses.txt" in line["missing"]
    shown = call("show", "houses", "--split", "official", "--no-tokens", *data)
    assert "80 queries, 520 database" in shown
    out = tmp_path / "split.json"
    call("split", "houses", "--split", "official", "--out", out, *data)
    assert len(json.loads(out.read_text())["query"]) == 80
    assert "70 queries" in call("show", "houses", "--split", "mith", "--no-tokens", *data)


def test_check_uses_what_the_card_knows(houses: Path) -> None:
    data = ("--data-dir", houses)
    text = call("check", "houses", "--no-tokens", "--json", *data)
    findings = {finding["check"]: finding for finding in json.loads(text)["findings"]}
    assert "the houses of the paper" in findings["items"]["message"]
    assert findings["columns"]["level"] == "ok"
    assert "tiny within small" in findings["columns"]["message"]
    assert {"own", "mith", "official"} == findings["splits"]["facts"].keys()
    folder = json.loads(call("check", houses / "houses", "--no-tokens", "--json"))
    assert folder["dataset"] == "houses"


def test_a_run_takes_its_split_and_no_other_dataset_does(
    houses: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (spec,) = expand(Request(dataset=["houses"], split="official"), houses)
    assert (spec.dataset.query, spec.dataset.train) == (80, 400)
    with pytest.raises(InputError, match="picturebook has no split official"):
        expand(Request(split="official"))
    words = ["run", "-m", "lsh", "--dataset", "houses", "--split", "official", "--dry-run"]
    monkeypatch.setattr(sys, "argv", ["hashbench", *words, "--data-dir", str(houses)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "houses" in capsys.readouterr().out


def test_the_catalogue_is_as_before() -> None:
    assert "houses" not in catalog.datasets()
    with pytest.raises(InputError, match="no split named 'official'"):
        released_splits.check("official")
