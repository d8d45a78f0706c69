"""PGHMH: fused codes, what may be missing of an item, what leaks under each protocol."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.pghmh.fusion import AnchorFusion
from hashbench.methods.pghmh.method import Pghmh
from tests.methods.prompted import ITEMS, items, made, optimised, step

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def same(one: dict[int, Tensor], other: dict[int, Tensor]) -> bool:
    return all(torch.allclose(one[K], other[K], **TOLERANCE) for K in one)


def there(image: bool, text: bool) -> Tensor:
    return torch.tensor([image, text]).expand(ITEMS, 2)


def test_no_labels_reach_a_fused_code() -> None:
    method = made("pghmh")
    assert list(inspect.signature(method.encode_mm).parameters) == ["images", "texts", "there"]


@pytest.mark.parametrize("fusion", ["anchors", "pair", "none"])
@torch.no_grad()
def test_what_is_missing_does_not_matter(fusion: str) -> None:
    method = made("pghmh", fusion=fusion, missing_train=0.5)
    step(method)
    images, texts, _ = items()
    other = torch.arange(ITEMS).roll(1)
    whole = method.encode_mm(images, texts, there(True, True))
    image_only = method.encode_mm(images, texts, there(True, False))
    text_only = method.encode_mm(images, texts, there(False, True))
    assert same(image_only, method.encode_mm(images, texts[other], there(True, False)))
    assert same(text_only, method.encode_mm(images[other], texts, there(False, True)))
    assert not same(image_only, whole)
    assert not same(text_only, whole)
    assert not same(whole, method.encode_mm(images, texts[other], there(True, True)))


@torch.no_grad()
def test_nobody_asks_a_part_that_is_missing() -> None:
    torch.manual_seed(0)
    fusion = AnchorFusion(8, guided=True)
    parts, exists = torch.randn(4, 3, 8), torch.tensor([True, False, True]).expand(4, 3)
    fused = fusion(parts, exists)
    assert torch.equal(fused[:, 1], torch.zeros(4, 8))
    torch.testing.assert_close(fused.flatten(1).norm(dim=1), torch.ones(4))
    other = parts.clone()
    other[:, 1] += 1.0
    assert torch.equal(fusion(other, exists), fused)
    other = parts.clone()
    other[:, 2] += 1.0  # the anchor guides
    assert not torch.allclose(fusion(other, exists)[:, 0], fused[:, 0])


@torch.no_grad()
def test_a_code_does_not_depend_on_the_batch() -> None:
    method = made("pghmh")
    step(method)
    images, texts, _ = items()
    order = torch.randperm(ITEMS, generator=torch.Generator().manual_seed(5))
    together = method.encode_mm(images, texts, there(True, True))
    for part in (order[:1], order[1:9], order):
        alone = method.encode_mm(images[part], texts[part].cut(), there(True, True)[part])
        assert same(alone, {K: h[part] for K, h in together.items()})


@torch.no_grad()
def test_only_the_published_code_follows_the_labels() -> None:
    images, texts, labels = items()
    other = torch.arange(ITEMS).roll(1)
    method = made("pghmh", "published").eval()
    plain = method.encode_published(images, texts, labels)
    assert set(plain) == {"mm"}
    assert not same(plain["mm"], method.encode_published(images, texts, labels[other])["mm"])
    alone = method.encode_published(images[:5], texts[:5], labels[:5])["mm"]
    assert same(alone, {K: h[:5] for K, h in plain["mm"].items()})
    with pytest.raises(InputError, match="whole items"):
        made("pghmh", "published", missing_test=0.5)


def test_the_share_of_missing_items_and_what_queries_are() -> None:
    numbers = torch.arange(4000)
    method = made("pghmh", missing_test=0.6)
    present = method.present(numbers, "database")
    assert bool(present.any(1).all())
    for column in (0, 1):
        assert 0.27 < float((~present[:, column]).float().mean()) < 0.33
    shuffled = torch.randperm(4000)
    assert torch.equal(method.present(shuffled, "database"), present[shuffled])
    assert bool(made("pghmh").present(numbers, "query").all())
    asked = made("pghmh", ablate="image-queries")
    assert asked.present(numbers, "query").unique(dim=0).tolist() == [[True, False]]
    assert bool(asked.present(numbers, "database").all())


@pytest.mark.parametrize(
    ("ablation", "gone"),
    [
        ("no-inter-modal", {"inter-modal"}),
        ("no-anchor", {"anchor"}),
        ("no-structured", {"pairwise", "reconstruction"}),
    ],
)
def test_each_level_can_be_switched_off(ablation: str, gone: set[str]) -> None:
    every = set(step(made("pghmh")))
    assert every - set(step(made("pghmh", ablate=ablation))) == gone


def test_training_goes_on_when_no_item_is_whole() -> None:
    told = step(made("pghmh", missing_train=1.0))
    assert told["inter-modal"] == 0.0
    assert all(torch.isfinite(torch.tensor(value)) for value in told.values())


def test_the_context_is_trained_and_depends_on_the_sample() -> None:
    method = made("pghmh")
    assert isinstance(method, Pghmh)
    learner = method.towers.learner
    assert id(learner.context) in optimised(method)
    before = learner.context.clone()
    for _ in range(2):  # the sample's part starts at zero, and so does the first step's rate
        step(method)
    told = method.end_epoch(method.stages()[0])
    assert told["gradient norm of context"] > 0
    assert not torch.equal(learner.context, before)
    images, _, labels = items()
    tokens = learner(labels, images.pooled).tokens[:, 0].detach()
    assert float(tokens.std(0).max()) > 0
    still = made("pghmh", ablate="static-context")
    assert isinstance(still, Pghmh)
    step(still)
    fixed = still.towers.learner(labels, images.pooled).tokens[:, 0].detach()
    assert float(fixed.std(0).max()) < 1e-6


def test_state_is_all_in_the_checkpoint() -> None:
    method, again = made("pghmh", missing_train=0.3), made("pghmh", missing_train=0.3)
    step(method)
    again.load_state_dict(method.state_dict())
    torch.manual_seed(3)
    first = step(method)
    torch.manual_seed(3)
    assert step(again) == first
