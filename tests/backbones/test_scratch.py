"""Backbones trained from nothing: only on what the run may know, and the same every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hashbench.backbones import pretrained_config, registry, scratch
from hashbench.backbones.cache_entries import entries
from hashbench.backbones.pretrained_config import Scratch
from hashbench.backbones.scratch import Fitted
from hashbench.datasets.picturebook.dataset import load
from hashbench.engine.build import build_method, prepare
from hashbench.engine.encoding import encode
from hashbench.errors import InputError
from hashbench.plan.request import Request, expand
from hashbench.plan.spec import BackboneSpec

CPU = torch.device("cpu")
NAME = "scratch-resnet18"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two epochs of a small network on small pictures."""
    monkeypatch.setattr(scratch, "EPOCHS", 2)
    monkeypatch.setitem(pretrained_config.SCRATCH, NAME, Scratch("resnet10t", 32))


def fitted_in(folder: Path, items: int = 40) -> Fitted:
    dataset = load(folder, {"items": items, "world": 1})
    chosen = np.arange(0, items, 2)
    labels = dataset.labels[chosen]
    return Fitted(dataset, chosen, labels, np.ones_like(labels), "a split", 3)


def weights(folder: Path, fitted: Fitted) -> dict[str, torch.Tensor]:
    source = registry.resolve(BackboneSpec(NAME), folder)
    before = torch.get_rng_state()
    source = scratch.trained(folder / "cache", source, fitted, CPU, lambda *_: None)
    assert torch.equal(torch.get_rng_state(), before)  # the run's own draws are left alone
    return dict(scratch.load(source, CPU).model.state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_weights_follow_from_items_labels_and_seed_alone(tmp_path: Path) -> None:
    fitted = fitted_in(tmp_path)
    first = weights(tmp_path / "one", fitted)
    torch.rand(3)
    assert same(first, weights(tmp_path / "two", fitted))
    # labels of items that are not fitted, and unknown entries, have no influence
    others = fitted.dataset.labels.copy()
    others[1::2] = ~others[1::2]
    blind = replace(fitted, dataset=replace(fitted.dataset, labels=others))
    assert same(first, weights(tmp_path / "three", blind))
    assert not same(first, weights(tmp_path / "one", replace(fitted, seed=4)))
    assert not same(first, weights(tmp_path / "one", replace(fitted, labels=~fitted.labels)))
    noisy = dict.fromkeys(fitted.items.tolist(), ("other words",))
    assert not same(first, weights(tmp_path / "one", replace(fitted, captions=noisy)))
    assert len(entries(tmp_path / "one" / "cache")) == 4


def test_unknown_entries_have_no_influence(tmp_path: Path) -> None:
    fitted = fitted_in(tmp_path)
    known = np.random.default_rng(0).random(fitted.labels.shape) < 0.5
    one = weights(tmp_path, replace(fitted, known=known, labels=fitted.labels & known))
    other = weights(tmp_path, replace(fitted, known=known, labels=fitted.labels | ~known))
    assert same(one, other)


def test_a_trained_one_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = fitted_in(tmp_path)
    first = weights(tmp_path, fitted)
    monkeypatch.delattr(scratch, "_train")
    assert same(first, weights(tmp_path, fitted))


def test_a_run_trains_its_backbone_and_then_its_method(tmp_path: Path) -> None:
    (spec,) = expand(
        Request(method=["soda"], dataset=["picturebook-tiny"], bits=[16], backbone=NAME)
    )
    prepared = prepare(spec, tmp_path, tmp_path / "labels.npz", CPU)
    assert prepared.facts()["backbone"] == NAME
    # runs of other seeds and folds have weights of their own, and are averaged with this one
    assert prepared.data.features.encoders == f"{NAME} fp32 fp32, fitted by each run"
    names = [entry.name for entry in entries(tmp_path / "cache")]
    assert sum("weights" in name for name in names) == 1
    method = build_method(prepared).eval()
    codes = encode(method, prepared.data, prepared.data.split.query[:10], "query")
    assert len(codes["image"][16]) == 10


@pytest.mark.slow  # the network that is shipped, not a small one
def test_the_real_network_learns_from_its_first_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pretrained_config.SCRATCH, NAME, Scratch("resnet18", 64))
    steps: list[tuple[int, int]] = []
    (spec,) = expand(
        Request(method="soda", dataset="picturebook-tiny", bits=16, backbone=NAME, caption_drop=0.2)
    )
    prepared = prepare(
        spec, tmp_path, tmp_path / "labels.npz", CPU,
        lambda what, done, total: steps.append((done, total)) if what.startswith("tr") else None,
    )  # fmt: skip
    assert steps == [(done, 6) for done in range(1, 7)]  # two epochs of 180 items
    trained = prepared.store.backbone.model.state_dict()
    torch.manual_seed(spec.seed)
    fresh = scratch.ScratchEncoder(prepared.store.source.config, "resnet18").state_dict()
    assert trained.keys() == fresh.keys()
    moved = [name for name in fresh if not torch.equal(trained[name], fresh[name])]
    assert {"visual.conv1.weight", "visual.layer4.1.conv2.weight", "words.rows.weight"} <= set(
        moved
    )
    data = prepared.data
    assert data.features.images.shape == (460, 512)
    assert np.isfinite(data.features.images).all()
    assert np.abs(np.corrcoef(data.features.images[:20])).min() < 0.999  # pictures differ
    method = build_method(prepared)
    stage = method.stages()[0]
    method.begin_stage(stage)
    (_, batch) = next(data.batches(0, stage, 0, skip=0))
    assert all(torch.isfinite(term.value) for term in method.losses(stage, batch).values())


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"method": ["prompthash"]}, "none in common"),
        ({"on_bad_image": "skip"}, "cannot leave out pictures"),
        ({"pretrained": "openai"}, "trained by the run itself"),
    ],
)
def test_what_it_cannot_do_is_refused(tmp_path: Path, more: dict[str, object], match: str) -> None:
    request = {"method": ["soda"], "dataset": ["picturebook-tiny"], "bits": [16], **more}
    (spec,) = expand(Request(backbone=NAME, **request))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=match):
        prepare(spec, tmp_path, tmp_path / "labels.npz", CPU)
