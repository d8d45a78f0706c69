"""What a run will cost, measured on made-up features: shapes, sums, and what depends on what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from hashbench.backbones import disk_estimate
from hashbench.backbones.feature_store import FeatureStore
from hashbench.backbones.registry import resolve
from hashbench.engine import estimate as estimates
from hashbench.engine import measuring
from hashbench.engine.data import load_dataset, no_report, split_of
from hashbench.engine.made_up_data import MadeUpStore, reduced
from hashbench.files.paths import cache_root
from hashbench.plan.request import expand
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.run_options import request
from hashbench.plan.spec import RunSpec


def spec_of(**asked: Any) -> RunSpec:
    settled = {"dataset": "picturebook-tiny", "bits": 8, "threads": 1, "epochs": 4}
    (spec,) = expand(request(settled | asked))
    return spec


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes a second, so that sums can be told."""

    def a_second(work: Any) -> float:
        work()
        return 1.0

    monkeypatch.setattr(measuring, "seconds", a_second)
    monkeypatch.setattr(measuring, "BUDGET", 1e9)


def costs(data_dir: Path, **asked: Any) -> RunEstimate:
    return estimates.estimate(spec_of(**asked), data_dir)


@pytest.mark.usefixtures("timed")
def test_time_follows_from_steps_epochs_and_items(tmp_path: Path) -> None:
    soda = costs(tmp_path, method="soda")
    # 180 fitted items, 2 stages of 4 epochs of 2 steps, a second each
    assert soda.training_seconds == pytest.approx(16, abs=5)
    # 460 pictures and three captions each, 64 of them a second
    assert soda.feature_seconds == pytest.approx(460 / 64 + 3 * 460 / 64, rel=0.01)
    twice = costs(tmp_path, method="soda", epochs=8)
    assert twice.training_seconds - soda.training_seconds == pytest.approx(16, abs=5)
    paper = costs(tmp_path, method="soda", select="test")
    # each epoch scores 460 items rather than 200, a second for 60
    assert paper.scoring_seconds > soda.scoring_seconds
    assert paper.scoring_seconds == pytest.approx(5 * 460 / 60, rel=0.05)


@pytest.mark.usefixtures("timed")
@pytest.mark.parametrize("method", ["lsh", "pcril", "pghmh"])
def test_every_method_has_an_estimate(tmp_path: Path, method: str) -> None:
    cost = costs(tmp_path, method=method, known_ratio=0.5 if method == "pcril" else 1.0)
    assert cost.seconds > 0
    assert min(cost.run_bytes, cost.memory_bytes, cost.cache_bytes) > 0
    assert not cache_root(tmp_path).exists()  # nothing was cached on the way


@pytest.mark.usefixtures("timed")
def test_pictures_that_are_read_again_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"set": {"tuned_blocks": 1, "auxiliary_bits": 8, "batch_size": 16}}
    kept = costs(tmp_path, method="prompthash", **small)
    augmented = costs(tmp_path, method="prompthash", augment_images="flip-crop", **small)
    # 180 pictures in each of 4 epochs
    more = augmented.training_seconds - kept.training_seconds
    assert more == pytest.approx(4 * 180 / 64, abs=1)
    monkeypatch.setattr(disk_estimate, "KEEP_ALL_BYTES", 0)
    streamed = costs(tmp_path, method="prompthash", **small)
    # 460 pictures but for the 200 of training, and as many captions
    assert streamed.scoring_seconds > kept.scoring_seconds + 2 * 260 / 64 - 0.1
    assert streamed.cache_bytes < kept.cache_bytes
    assert streamed.cache_key == kept.cache_key


@pytest.mark.usefixtures("timed")
def test_noisy_captions_are_read_for_themselves(tmp_path: Path) -> None:
    clean, noisy = (costs(tmp_path, method="soda", caption_drop=drop) for drop in (0.0, 0.5))
    assert noisy.feature_seconds - clean.feature_seconds == pytest.approx(3 * 180 / 64)
    assert noisy.cache_bytes > clean.cache_bytes


class Clock:
    """A machine on which each item takes so many seconds, and all first work a second more."""

    def __init__(self, each: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.now = 0.0
        self.each = each
        monkeypatch.setattr(measuring.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(measuring.time, "monotonic", lambda: self.now)

    def work(self, size: int) -> measuring.Work:
        def done() -> None:
            self.now += self.each * size + (not self.sizes)
            self.sizes.append(size)

        return done


@pytest.mark.parametrize(
    ("each", "sizes"),
    [(0.001, [2, 2, 8, 32, 100]), (0.1, [2, 2, 8, 32]), (1.0, [2, 2]), (9.0, [2])],
)
def test_what_takes_long_is_measured_less(
    each: float, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(each, monkeypatch)
    measured = measuring.timed(clock.work, 100, budget=10.0, least=2)
    assert clock.sizes == sizes
    assert clock.now < 20
    assert measured.whole == (sizes[-1] == 100)
    if len(sizes) > 1:  # else what is done once is in it
        assert measured.seconds == pytest.approx(100 * each)
        assert measured.each == pytest.approx(each)
    assert measured.seconds >= 100 * each * 0.999


def test_shares_end_with_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(1.0, monkeypatch)
    budget = measuring.Budget(10.0)
    assert budget.share(0.4) == 4.0
    clock.now = 8.0
    assert budget.share(0.4) == 2.0
    clock.now = 80.0
    assert budget.share(0.4) == 0.0


def test_a_slow_machine_says_how_little_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "BUDGET", 0.0)
    monkeypatch.setattr(estimates.os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    cost = costs(tmp_path, method="pcril", known_ratio=0.5)
    pictures, *stages, busy = cost.notes
    assert pictures == "pictures: measured 1"
    assert any("potential label tree search: an upper bound, from 8 items" in s for s in stages)
    assert any("a rough guess, from steps of 8 items" in stage for stage in stages)
    assert busy.startswith("this machine is busy (load 99 on")
    assert cost.seconds > 0


def test_features_that_exist_cost_nothing_and_have_the_size_that_was_estimated(
    data_dir: Path, timed: None
) -> None:
    spec = spec_of(method="soda")
    dataset = load_dataset(spec.dataset, data_dir)
    source, cpu = resolve(spec.backbone, data_dir), torch.device("cpu")
    features = FeatureStore(cache_root(data_dir), source, cpu, no_report).dataset(dataset)
    expected = disk_estimate.estimate(
        source.config.shape, "fp32", items=460, captions=len(features.texts), train_items=0,
        train_captions=0, tunes_blocks=False,
    )  # fmt: skip
    assert expected.total == features.images.nbytes + features.texts.nbytes
    cost = costs(data_dir, method="soda")
    assert (cost.feature_seconds, cost.cache_bytes) == (0.0, 0)
    elsewhere = MadeUpStore(data_dir / "none", source, cpu, no_report)
    assert elsewhere.is_cached(dataset, 2, np.arange(3)) == (False, False)


def test_a_reduced_dataset_keeps_items_and_labels_together(tmp_path: Path) -> None:
    spec = spec_of()
    dataset = load_dataset(spec.dataset, tmp_path)
    split = split_of(spec, dataset)
    part, rows = reduced(dataset, split, split.train_fit[5:25], queries=7)
    assert rows.sizes() == {"query": 7, "database": 40, "fit": 20, "validation": 20}
    for whole, name in ((split.train_fit[5:25], "train_fit"), (split.query[:7], "query")):
        places = getattr(rows, name)
        assert [part.ids[row] for row in places] == [dataset.ids[item] for item in whole]
        assert (part.labels[places] == dataset.labels[whole]).all()
        assert [part.captions[row] for row in places] == [dataset.captions[item] for item in whole]


def test_the_process_prints_an_estimate_that_reads_back(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashbench.launch.estimates import measured_apart

    cost = measured_apart(spec_of(method="lsh"), data_dir)
    assert msgspec.json.decode(msgspec.json.encode(cost), type=RunEstimate) == cost
    assert 10**8 < cost.memory_bytes < 10**10
