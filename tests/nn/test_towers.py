"""Tuned tower ends and their cached inputs against open_clip's own towers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hashbench.backbones.block_inputs import caption_batches, encode_captions
from hashbench.backbones.blocks import Tail, TunableClip
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.openclip_import import open_clip
from hashbench.errors import InputError
from hashbench.nn.tokens import SHORT, Tokens
from hashbench.nn.towers import Tower

SENTENCES = ["a dog", "sea sky " * 40, "one river and two trees", "night"]


def small(**more: Any) -> ClipBackbone:
    torch.manual_seed(0)
    vision = {"image_size": 16, "patch_size": 8, "layers": 3, "width": 32, "head_width": 8}
    text = {"context_length": 77, "vocab_size": 49408, "layers": 3, "width": 24, "heads": 3}
    model = open_clip().model.CLIP(embed_dim=20, vision_cfg=vision, text_cfg=text, **more)
    return ClipBackbone(model, torch.device("cpu"))


def tower(tail: Tail, *, causal: bool) -> Tower:
    return Tower(
        tail.blocks, tail.norm, tail.projection, tail.heads, tail.activation, causal=causal
    )


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("last", [1, 2, 3])
def test_the_end_of_the_image_tower(last: int, *, quick: bool) -> None:
    backbone = small(quick_gelu=quick)
    tunable = TunableClip(backbone, "small", last)
    pixels = np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype(np.float32)
    values = torch.from_numpy(tunable.images(pixels)[0].astype(np.float32))
    pooled = torch.from_numpy(backbone.encode_images(pixels))
    tokens = Tokens(pooled, values, torch.full((3,), values.shape[1]))
    end = tower(tunable.tails()[0], causal=False)
    torch.testing.assert_close(end(tokens), pooled, rtol=0.01, atol=0.01)  # half precision inputs
    whole = end.finish(end.pool(end.hidden(tokens), tokens))
    torch.testing.assert_close(whole, end(tokens), rtol=1e-4, atol=1e-5)


def test_the_end_of_the_text_tower() -> None:
    backbone = small()
    tunable = TunableClip(backbone, "small", 2)
    ids = backbone.tokenise(SENTENCES)
    lengths = backbone.lengths(ids).numpy()
    assert lengths.tolist() == (ids != 0).sum(1).tolist()
    values = np.zeros((4, lengths.max(), 24), np.float16)
    for rows in caption_batches(lengths):
        encoded_rows = encode_captions(tunable, ids[rows], lengths[rows])
        for row, encoded in zip(rows, encoded_rows, strict=True):
            values[row, : len(encoded)] = encoded
    values, lengths = values[[2, 1, 0, 2]], lengths[[2, 1, 0, 2]]
    pooled = torch.from_numpy(backbone.encode_tokens(ids[[2, 1, 0, 2]]))
    tokens = Tokens(pooled, torch.from_numpy(values).float(), torch.from_numpy(lengths))
    end = tower(tunable.tails()[1], causal=True)
    torch.testing.assert_close(end(tokens), pooled, rtol=0.01, atol=0.01)
    whole = end.finish(end.pool(end.hidden(tokens), tokens))
    torch.testing.assert_close(whole, end(tokens), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_what_a_pooled_token_attends_to_is_what_stands_before_it() -> None:
    """The end token of a text, or the class token of a picture; padding is not there."""
    backbone = small()
    tunable = TunableClip(backbone, "small", 2)
    ids = backbone.tokenise([SENTENCES[0], SENTENCES[2]])
    lengths = backbone.lengths(ids)
    values = torch.zeros(2, int(lengths.max()) + 3, 24)
    for row, part in enumerate(encode_captions(tunable, ids, lengths.numpy())):
        values[row, : len(part)] = torch.from_numpy(part.astype(np.float32))
    end = tower(tunable.tails()[1], causal=True)
    weights = end.attention(Tokens(torch.zeros(2, 20), values, lengths))
    for row, length in enumerate(lengths.tolist()):
        alone = Tokens(torch.zeros(1, 20), values[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(end.attention(alone)[0], weights[row, :length])
        assert float(weights[row, :length].sum()) == pytest.approx(1)
        assert not weights[row, length:].any()
        # of an end token that is pooled, the first block must have read no later token either
        shifted = end.blocks[0](alone.values, torch.full((length, length), -torch.inf).triu(1))
        normed = end.blocks[1].ln_1(shifted)
        own = end.blocks[1].attn.weights(normed, normed[:, -1:])[0, 0]
        torch.testing.assert_close(own, weights[row, :length])


def test_only_blocks_are_tuned() -> None:
    end = tower(TunableClip(small(), "small", 2).tails()[1], causal=True)
    trained = {name.split(".")[0] for name, p in end.named_parameters() if p.requires_grad}
    assert trained == {"blocks"}


def test_short_and_long_texts_run_apart() -> None:
    lengths = torch.tensor([3, SHORT + 1, SHORT, 70])
    tokens = Tokens(torch.zeros(4, 2), torch.zeros(4, 77, 5), lengths)
    groups = tokens.by_length()
    assert [rows.tolist() for rows in groups] == [[0, 2], [1, 3]]
    assert [tokens[rows].cut().values.shape[1] for rows in groups] == [SHORT, 70]


def test_more_blocks_than_there_are() -> None:
    with pytest.raises(InputError, match="has 3"):
        TunableClip(small(), "small", 4)


def test_a_tower_without_blocks() -> None:
    class Foreign(torch.nn.Module):
        context_length = 77
        visual = torch.nn.Module()

    Foreign.visual.image_size = 8  # type: ignore[assignment]
    with pytest.raises(InputError, match="no blocks that can be tuned"):
        TunableClip(ClipBackbone(Foreign(), torch.device("cpu")), "foreign", 1)
