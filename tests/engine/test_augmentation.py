"""Random flips and crops in training: drawn by position, and seen by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hashbench.backbones import augmentation as backbone_augmentation
from hashbench.backbones.augmentation import View
from hashbench.engine import augmentation
from hashbench.engine.build import prepare
from hashbench.engine.data import Data
from hashbench.errors import InputError
from hashbench.methods.base import Batch, Stage
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import RunSpec
from hashbench.report.naming import variant_name
from hashbench.runs import control, events
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make, worker
from tests.engine.test_resume import assert_same, codes, wait_for

STAGE = Stage("train", "Training", epochs=2, batch_size=16)
SETTINGS = {"auxiliary_bits": "16", "tuned_blocks": "1", "batch_size": "64"}


def spec_of(**request: Any) -> RunSpec:
    settled = {"method": ["prompthash"], "dataset": ["picturebook-tiny"], "bits": [16]} | request
    (spec,) = expand(Request(**settled))
    return spec


@pytest.fixture(scope="module")
def plain_and_augmented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, Data]:
    """The data of a run without and with augmentation.

    Features are computed here: a cache that others filled, with more threads, may round otherwise.
    """
    folder = tmp_path_factory.mktemp("augmented")
    plain, augmented = (
        prepare(
            spec_of(set=SETTINGS, augment_images=wanted),
            folder / "data",
            folder / f"{wanted}.npz",
            torch.device("cpu"),
        ).data
        for wanted in ("none", "flip-crop")
    )
    return plain, augmented


def batches(data: Data, epoch: int = 0, skip: int = 0) -> list[tuple[int, Batch]]:
    return [pair for pair, _ in zip(data.batches(3, STAGE, epoch, skip), range(3), strict=False)]


def assert_equal(ours: Batch, theirs: Batch) -> None:
    assert torch.equal(ours.index, theirs.index)
    for one, other in ((ours.images, theirs.images), (ours.texts, theirs.texts)):
        assert torch.equal(one, other)
    for mine, yours in zip(ours.tokens(), theirs.tokens(), strict=True):
        assert torch.equal(mine.values, yours.values)
        assert torch.equal(mine.pooled, yours.pooled)
        assert torch.equal(mine.lengths, yours.lengths)


def test_views_are_drawn_by_seed_stage_epoch_and_item() -> None:
    items = np.arange(2000)
    drawn = augmentation.views(0, "train", 0, items)
    assert augmentation.views(0, "train", 0, items[::-1]) == drawn[::-1]
    for other in ((1, "train", 0), (0, "other", 0), (0, "train", 1)):
        again = augmentation.views(*other, items)
        assert not set(drawn) & set(again)
    flips = np.array([view.flipped for view in drawn])
    places = np.array([(view.top, view.left) for view in drawn])
    assert 0.45 < flips.mean() < 0.55
    assert (places >= 0).all()
    assert (places < 1).all()
    # uniform, and neither side nor flip follows from another
    assert (np.abs(places.mean(0) - 0.5) < 0.03).all()
    assert (np.abs(np.corrcoef([*places.T, flips])[np.triu_indices(3, 1)]) < 0.08).all()


def test_pictures_differ_between_epochs_and_captions_do_not(
    plain_and_augmented: tuple[Data, Data],
) -> None:
    plain, augmented = plain_and_augmented
    (_, usual), (_, first), (_, again), (_, second) = (
        batches(data, epoch)[0]
        for data, epoch in ((plain, 0), (augmented, 0), (augmented, 0), (augmented, 1))
    )
    assert_equal(first, again)
    assert torch.equal(first.texts, usual.texts)
    assert torch.equal(first.tokens()[1].values, usual.tokens()[1].values)
    assert not torch.equal(first.images, usual.images)
    assert torch.equal(first.images, first.tokens()[0].pooled)
    # the views of one and the same item in both epochs
    both = sorted(set(first.index.tolist()) & set(second.index.tolist()))
    assert both
    for item in both:
        one, other = (
            batch.tokens()[0].values[batch.index.tolist().index(item)] for batch in (first, second)
        )
        assert not torch.equal(one, other)


def test_an_epoch_that_goes_on_draws_what_it_would_have_drawn(
    plain_and_augmented: tuple[Data, Data],
) -> None:
    _, augmented = plain_and_augmented
    whole = batches(augmented, epoch=1)
    resumed = batches(augmented, epoch=1, skip=2)
    assert resumed[0][0] == whole[2][0] == 2
    assert_equal(resumed[0][1], whole[2][1])


def test_the_middle_of_a_picture_gives_what_is_cached(
    plain_and_augmented: tuple[Data, Data], monkeypatch: pytest.MonkeyPatch
) -> None:
    centre = View(flipped=False, top=0.5, left=0.5)
    monkeypatch.setattr(backbone_augmentation, "ENLARGED", 1.0)
    monkeypatch.setattr(augmentation, "views", lambda *position: [centre] * len(position[-1]))
    plain, augmented = plain_and_augmented
    for (_, ours), (_, theirs) in zip(batches(augmented), batches(plain), strict=True):
        assert_equal(ours, theirs)


def test_validation_queries_and_database_are_not_augmented(
    plain_and_augmented: tuple[Data, Data],
) -> None:
    plain, augmented = plain_and_augmented
    split = plain.split
    for items in (split.validation, split.query, split.database[:80]):
        ours, theirs = augmented.images(items), plain.images(items)
        assert torch.equal(ours.values, theirs.values)  # type: ignore[union-attr]
        assert torch.equal(ours.pooled, theirs.pooled)  # type: ignore[union-attr]


def test_a_stopped_run_resumes_to_equal_codes(make: Make, data_dir: Path) -> None:
    asked: dict[str, Any] = {
        "method": ["prompthash"], "epochs": 2, "augment_images": "flip-crop", "set": SETTINGS,
    }  # fmt: skip
    whole, run = make(**asked), make(**asked)
    assert worker(whole, data_dir).wait(timeout=300) == 0, whole.log.read_text()
    process = worker(run, data_dir)
    wait_for(run, events.EpochEnded, seconds=300)
    control.send(run, "stop")
    assert process.wait(timeout=300) == 0
    assert not run.result.exists()
    assert worker(run, data_dir).wait(timeout=300) == 0, run.log.read_text()
    assert_same(codes(run), codes(whole))

    def losses(folder: RunFolder) -> list[float]:
        ended = [event for event in read_all(folder.events) if isinstance(event, events.EpochEnded)]
        return [event.values["total"] for event in ended]

    assert losses(run) == losses(whole)


def test_the_option_is_checked_named_and_hashed() -> None:
    augmented = spec_of(augment_images="flip-crop")
    assert augmented.hash != spec_of().hash
    assert variant_name(augmented) == "flip-crop"
    both = expand(Request(method=["pghmh"], augment_images=["none", "flip-crop"]))
    assert [spec.dataset.augment_images for spec in both] == ["none", "flip-crop"]
    for method in ("soda", "pcril", "lsh"):
        with pytest.raises(InputError, match=f"{method} trains on features") as refused:
            spec_of(method=[method], augment_images="flip-crop")
        assert refused.value.where == "--augment-images"
        assert "prompthash" in str(refused.value.remedy)
        assert refused.value.exit_code == 2
