"""The text tower from its token embeddings on, against the model's own way through it."""

from __future__ import annotations

import pytest
import torch

from hashbench.backbones import picturebook_clip
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.text_tower import FrozenTextTower
from hashbench.errors import InputError

SENTENCES = ["a photo of a dog", "sky, clouds and sunset", "", "plant life " * 60]


@pytest.fixture(scope="module")
def backbone() -> ClipBackbone:
    return ClipBackbone(picturebook_clip.untrained(0), torch.device("cpu"))


def test_it_gives_the_model_s_own_features(backbone: ClipBackbone) -> None:
    tower = FrozenTextTower(backbone)
    tokens = backbone.tokenise(SENTENCES)
    wanted = backbone.model.encode_text(tokens)
    features = tower(tower.embed(tokens), tokens.argmax(1))
    torch.testing.assert_close(features, wanted, atol=1e-5, rtol=1e-4)
    assert features.shape[1] == wanted.shape[1]


def test_what_follows_the_end_token_has_no_influence(backbone: ClipBackbone) -> None:
    tower = FrozenTextTower(backbone)
    tokens = backbone.tokenise(SENTENCES[:3])
    ends = tokens.argmax(1)
    whole = tower.embed(tokens)
    behind = torch.arange(whole.shape[1]) > ends[:, None]
    noisy = torch.where(behind[..., None], torch.randn(whole.shape), whole)
    torch.testing.assert_close(tower(noisy, ends), tower(whole, ends), atol=1e-5, rtol=1e-4)
    length = int(ends.max()) + 1
    cut = tower(whole[:, :length], ends)
    torch.testing.assert_close(cut, tower(whole, ends), atol=1e-5, rtol=1e-4)


def test_gradient_reaches_what_is_put_in_up_to_the_end_and_no_weight(
    backbone: ClipBackbone,
) -> None:
    tower = FrozenTextTower(backbone)
    tokens = backbone.tokenise(SENTENCES[:2])
    ends = tokens.argmax(1)
    embedded = tower.embed(tokens).requires_grad_()
    tower(embedded, ends).square().sum().backward()
    assert embedded.grad is not None
    touched = embedded.grad.abs().sum(2) > 0
    assert torch.equal(touched, torch.arange(tokens.shape[1]) <= ends[:, None])
    assert all(parameter.grad is None for parameter in backbone.model.parameters())


def test_its_facts_are_the_model_s(backbone: ClipBackbone) -> None:
    tower = FrozenTextTower(backbone)
    assert (tower.width, tower.context) == (128, 77)
    assert tower.scale == pytest.approx(float(backbone.model.logit_scale.exp()))
    ids = [tower.start, *tower.token_ids("plant life"), tower.end]
    assert ids == backbone.tokenise(["plant life"])[0, : len(ids)].tolist()
    assert len(tower.token_ids("word " * 200)) == 200  # not cut


@pytest.mark.parametrize("change", [{"text_pool_type": "last"}, {"attn_mask": None}])
def test_a_tower_that_works_in_another_way_is_refused(change: dict[str, object]) -> None:
    other = picturebook_clip.untrained(0)
    for name, value in change.items():
        setattr(other, name, value)
    with pytest.raises(InputError, match="--backbone"):
        FrozenTextTower(ClipBackbone(other, torch.device("cpu")))


def test_a_block_of_another_kind_goes_the_long_way(
    backbone: ClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower = FrozenTextTower(backbone)
    tokens = backbone.tokenise(SENTENCES[:2])
    short = tower(tower.embed(tokens), tokens.argmax(1))
    monkeypatch.setattr(open_clip().transformer, "ResidualAttentionBlock", torch.nn.Identity)
    long = tower(tower.embed(tokens), tokens.argmax(1))
    torch.testing.assert_close(short, long, atol=1e-5, rtol=1e-4)
