"""Runs under incomplete labels: what is hidden stays hidden, what is recovered is reported."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from msgspec import structs

from hashbench.datasets.masks import VisibleLabels
from hashbench.datasets.splits import Split
from hashbench.engine import label_recovery
from hashbench.engine.data import Data, visible_labels
from hashbench.engine.validation import Validation
from hashbench.errors import InputError
from hashbench.methods.base import Recovered, RecoveryPath
from hashbench.metrics.codes import Codes
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec
from hashbench.report.recovery import class_table, latest_recovery, summary_page
from hashbench.runs import events, layout, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make, worker


def spec_of(**request: Any) -> RunSpec:
    return expand(Request(dataset=["picturebook-tiny"], **request))[0]


def small(classes: int = 3) -> tuple[Any, Split]:
    """Twelve items of three classes: items 0 to 7 are training items, 6 and 7 validation."""
    labels = np.random.default_rng(0).random((12, classes)) > 0.4
    dataset = SimpleNamespace(
        name="small",
        fingerprint="abc",
        labels=labels,
        class_names=("a", "b", "c"),
        ids=[f"item{i}" for i in range(12)],
    )
    parts = (np.arange(8, 12), np.arange(8), np.arange(6), np.arange(6, 8))
    return dataset, Split("own", *parts, hash="def")


def data_of(dataset: Any, split: Split, visible: VisibleLabels) -> Data:
    fitted = visible.rows(np.searchsorted(split.train, split.train_fit))
    train = SimpleNamespace(known=torch.from_numpy(fitted.known))
    empty: Any = None
    return Data(
        dataset=dataset,
        split=split,
        visible=visible,
        features=empty,
        device=torch.device("cpu"),
        train=cast(Any, train),
        captions=empty,
        caption_rows=empty,
        caption_range=empty,
    )


def test_the_mask_is_drawn_once_and_read_when_the_run_goes_on(tmp_path: Path) -> None:
    dataset, split = small()
    path = tmp_path / "labels.npz"
    drawn = visible_labels(path, spec_of(known_ratio=[0.5]), dataset, split)
    assert drawn.labels.shape == (8, 3)
    assert int((~drawn.known).sum()) == 12
    # the file decides from now on, whatever the spec says
    again = visible_labels(path, spec_of(known_ratio=[0.9], seed=[5]), dataset, split)
    np.testing.assert_array_equal(again.known, drawn.known)


@pytest.mark.parametrize("changed", ["fingerprint", "split", "classes"])
def test_a_mask_of_another_dataset_is_refused(tmp_path: Path, changed: str) -> None:
    dataset, split = small()
    path = tmp_path / "labels.npz"
    visible_labels(path, spec_of(known_ratio=[0.5]), dataset, split)
    if changed == "fingerprint":
        dataset.fingerprint = "other"
    elif changed == "split":
        split = Split(
            "own", split.query, split.database, split.train_fit, split.validation, hash="new"
        )
    else:
        dataset.labels = dataset.labels[:, :2]
    with pytest.raises(InputError, match=r"(?s)labels\.npz.*start a new run") as caught:
        visible_labels(path, spec_of(known_ratio=[0.5]), dataset, split)
    assert caught.value.exit_code == 2


def test_hidden_training_labels_do_not_choose_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, split = small()
    visible = visible_labels(tmp_path / "l.npz", spec_of(known_ratio=[0.5]), dataset, split)
    data = data_of(dataset, split, visible)
    asked: list[tuple[Any, Any]] = []

    def evaluate(query: Any, database: Any, queries: Any, items: Any, metrics: Any) -> list[Any]:
        asked.append((queries, items))
        return [SimpleNamespace(value=0.5)]

    monkeypatch.setattr("hashbench.engine.validation.evaluate", evaluate)
    codes = Codes.from_signs(np.ones((2, 1), bool))
    monkeypatch.setattr(
        "hashbench.engine.validation.encode", lambda *_: {"image": {1: codes}, "text": {1: codes}}
    )
    monkeypatch.setattr(
        "hashbench.engine.validation.LabelMasks", SimpleNamespace(from_multi_hot=lambda x: x)
    )
    method: Any = SimpleNamespace(bits=(1,))
    found = Validation(data, ("i2t",), "validation").score(method)
    assert found.monitors == {"constant bits": 1.0, "equal code pairs": 1.0}
    ((queries, items),) = asked
    full = dataset.labels
    np.testing.assert_array_equal(queries, (full[:8] & visible.known)[6:])
    np.testing.assert_array_equal(items, (full[:8] & visible.known)[:6])
    before = queries.copy()
    dataset.labels = ~full  # the truth may be anything: validation does not look at it
    Validation(data, ("i2t",), "validation").score(method)
    np.testing.assert_array_equal(asked[-1][0], before)
    Validation(data, ("i2t",), "test").score(method)
    np.testing.assert_array_equal(asked[-1][0], dataset.labels[8:])  # test relevance is the truth


def test_validation_without_any_known_relevant_item_gives_no_score() -> None:
    dataset, split = small()
    known = np.ones((8, 3), bool)
    labels = np.zeros((8, 3), bool)
    labels[:6, 0] = True  # fitted items have one class, validation queries another one
    labels[6:, 1] = True
    data = data_of(dataset, split, VisibleLabels(labels, known, ""))
    method: Any = SimpleNamespace(bits=(1,))  # it is not even asked for codes
    assert Validation(data, ("i2t",), "validation").score(method).scores == {}


def test_recovered_labels_are_held_against_the_truth(tmp_path: Path) -> None:
    dataset, split = small()
    visible = visible_labels(tmp_path / "l.npz", spec_of(known_ratio=[0.5]), dataset, split)
    data = data_of(dataset, split, visible)
    items = torch.tensor([1, 4, 5])
    added = torch.ones(3, 3, dtype=torch.bool)
    paths = [RecoveryPath(4, 3.0, ((2, 3.75),), (0, 4.0), (((1, 3.5), (0, 3.25)),))]
    event = label_recovery.recovery_event(
        "search", 0, Recovered(items, added, {"x": 1.5}, paths), data
    )
    rows = [1, 4, 5]
    unknown = ~visible.known[rows]
    right = int((unknown & dataset.labels[rows]).sum())
    assert event.values["added"] == unknown.sum()
    assert event.values["right"] == event.values["hidden"] == right
    assert event.values["precision"] == pytest.approx(right / unknown.sum())
    assert event.values["items"] == 3
    assert event.values["x"] == 1.5
    assert set(event.classes) == {"a", "b", "c"}
    (example,) = event.examples
    assert example.item == "item4"
    assert example.steps == (("c", 3.75),)
    assert example.stop == ("a", 4.0)
    assert example.runners_up == ((("b", 3.5), ("a", 3.25)),)
    names = np.array(dataset.class_names)
    assert example.true == tuple(names[dataset.labels[4]])
    assert example.known == tuple(names[visible.labels[4]])
    decoded = events.decode(events.encode(event).strip())
    assert isinstance(decoded, events.Recovery)
    assert decoded.examples == event.examples


def finished(run: RunFolder, data_dir: Path) -> RunFolder:
    assert worker(run, data_dir).wait(timeout=300) == 0, run.log.read_text()
    return run


def codes(run: RunFolder) -> dict[str, np.ndarray]:
    with np.load(run.codes / "16.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def whole_run(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    spec = spec_of(method=["pcril"], bits=[16], known_ratio=[0.5], threads=1, epochs=2)
    folder = tmp_path_factory.mktemp("pcril")
    return finished(layout.create(folder, spec, datetime.now(UTC)), data_dir)


def test_a_run_tells_its_recovery_live_and_at_the_end(whole_run: RunFolder) -> None:
    recoveries = [e for e in read_all(whole_run.events) if isinstance(e, events.Recovery)]
    assert [(e.stage, e.epoch) for e in recoveries] == [
        ("prompts", 0),
        ("prompts", 1),
        ("search", 0),
    ]
    assert all("violated deletion" in event.values for event in recoveries[:2])
    assert recoveries[1].values["prompt drift"] > recoveries[0].values["prompt drift"] > 0
    assert recoveries[2].values["items"] == 180
    assert len(recoveries[2].examples) == 12
    per_class = recoveries[2].classes
    assert sum(counts["added"] for counts in per_class.values()) == recoveries[2].values["added"]
    assert result.read(whole_run.result).audit.clean


def test_recovery_is_shown_with_examples_and_by_class(whole_run: RunFolder) -> None:
    from rich.console import Console

    recovery = latest_recovery(whole_run)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(summary_page(recovery))
    console.print(class_table(recovery))
    shown = console.export_text()
    for example in recovery.examples:
        assert example.item in shown
        for name, score in example.steps:
            assert f"+ {name}   {score:.2f}   " in shown
        for others in example.runners_up:
            assert (
                f"ahead of {', '.join(f'{name} {score:.2f}' for name, score in others)}"[:60]
                in shown
            )
    assert shown.count("  true ") == 12
    assert "similar pairs" in shown
    assert "plant life" in shown.split("by class")[1]


def test_a_killed_run_recovers_and_hashes_the_same(
    make: Make, data_dir: Path, whole_run: RunFolder
) -> None:
    run = make(method=["pcril"], known_ratio=[0.5], epochs=2)
    process = worker(run, data_dir)
    deadline = time.monotonic() + 120
    while not any(isinstance(e, events.Recovery) for e in read_all(run.events)):
        assert time.monotonic() < deadline, run.log.read_text()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished(run, data_dir)
    wanted = codes(whole_run)
    for name, array in codes(run).items():
        np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def test_every_class_hidden_is_reported_before_training(make: Make, data_dir: Path) -> None:
    run = make(method=["pcril"], known_ratio=[1e-17], epochs=1)
    assert worker(run, data_dir).wait(timeout=120) == 2
    (failed,) = (e for e in read_all(run.events) if isinstance(e, events.Failed))
    assert "hides all" in failed.reason
    assert failed.remedy


@pytest.mark.parametrize("name", list(catalog.methods()))
def test_every_method_trains_on_incomplete_labels(
    name: str, tmp_path: Path, here: Callable[[RunFolder], int]
) -> None:
    card = catalog.method(name)
    codes_of = []
    for unknown in ("negative",) if card.own_unknown else ("negative", "ignore"):
        epochs = 1 if card.epoch_params else None
        # several steps, since the first one of a warm-up has a learning rate of 0
        steps = {"batch_size": 32} if card.has_param("batch_size") else {}
        spec = spec_of(
            method=[name],
            bits=[16],
            known_ratio=[0.3],
            unknown=unknown,
            protocol="published" if card.published_only else "strict",
            epochs=epochs,
            set=steps,
            query_size=20,
            train_size=80,
            threads=1,
        )
        few = structs.replace(spec.dataset, params=spec.dataset.params | {"items": 110})
        run = layout.create(tmp_path, structs.replace(spec, dataset=few), datetime.now(UTC))
        assert here(run) == 0, [e for e in read_all(run.events) if isinstance(e, events.Failed)]
        outcome = result.read(run.result)
        assert outcome.audit.clean != card.published_only, outcome.audit.verdict
        scores = outcome.scores["16"]
        assert set(scores) == set(card.directions)
        assert all(0 < values["mAP@all"] <= 1 for values in scores.values())
        assert VisibleLabels.load(run.labels).known.mean() == pytest.approx(0.3, abs=1e-3)
        codes_of.append(codes(run))
    if len(codes_of) == 2 and card.epoch_params and card.supervised:
        # what is learned depends on what becomes of pairs that are open
        assert any((codes_of[0][key] != array).any() for key, array in codes_of[1].items())


def test_a_run_that_recovers_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    with pytest.raises(InputError, match="recovered no labels") as caught:
        latest_recovery(RunFolder(tmp_path))
    assert "--method pcril" in str(caught.value)
