"""Attention maps of finished runs."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hashbench.backbones import picturebook_clip
from hashbench.backbones.clip import ClipBackbone
from hashbench.codefiles.native import read_codes
from hashbench.engine.attention import _of_words, _words, attention
from hashbench.errors import InputError
from hashbench.nn.blocks import Block
from hashbench.runs.layout import RunFolder
from tests.engine.conftest import Make


def test_attention_weights_are_those_that_the_block_uses() -> None:
    """With values that are one-hot by token and an output that keeps them, what the block adds is
    its attention itself.
    """
    torch.manual_seed(0)
    attn = Block(8, 1).attn
    tokens = torch.randn(2, 8, 8)
    weights = attn.weights(tokens, tokens[:, :1])
    assert weights.shape == (2, 1, 8)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 1))
    q, k, v = attn._heads(tokens, tokens[:, :1])
    with torch.no_grad():
        attn.out_proj.weight.copy_(torch.eye(8))
        attn.out_proj.bias.zero_()
    mixed = attn(tokens, tokens[:, :1], None)
    assert torch.allclose(mixed, weights @ v[:, 0], atol=1e-6)
    assert q.shape == (2, 1, 1, 8)
    assert k.shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("method", "request_"),
    [("pcril", {"known_ratio": [0.5], "epochs": 1}), ("pghmh", {"epochs": 1})],
)
def test_maps_before_and_after_are_of_the_same_queries_and_differ(
    make: Make, here: Callable[[RunFolder], int], data_dir: Path, method: str,
    request_: dict[str, Any],
) -> None:  # fmt: skip
    run = make(method=[method], **request_)
    assert here(run) == 0
    answer = attention(run, data_dir, 2, seed=0)
    (codes,) = read_codes(run.codes)
    assert len(answer["items"]) == 2
    for item in answer["items"]:
        assert item["id"] in codes.query_ids
        before, after = np.array(item["before"]), np.array(item["after"])
        assert before.shape == after.shape == (len(before),) * 2
        assert before.min() >= 0
        assert not np.allclose(before, after)
        assert item["words"]  # as far as the tower reads
        assert item["words"] == item["caption"].split()[: len(item["words"])]
        words = [np.array(item[f"words_{when}"]) for when in ("before", "after")]
        assert words[0].shape == words[1].shape == (len(item["words"]),)
        assert min(part.min() for part in words) >= 0
        assert not np.allclose(*words)
        picture = Image.open(io.BytesIO(base64.b64decode(item["picture"])))
        assert picture.width % len(before) == 0
    assert answer == attention(run, data_dir, 2, seed=0)


def test_words_are_told_from_their_tokens() -> None:
    backbone = ClipBackbone(picturebook_clip.untrained(seed=0), torch.device("cpu"))
    for caption in (
        "a dog beside two ponds",
        "an unfathomable, well-lit café at night",
        "sea " * 90,
    ):
        tokens = backbone.tokenise([caption])
        length = int(backbone.lengths(tokens)[0])
        words, ends = _words(backbone, caption, tokens[0, 1 : length - 1])
        assert words == caption.split()[: len(words)]
        assert ends == sorted(set(ends))
        if length < 77:
            assert (len(words), ends[-1]) == (len(caption.split()), length - 2)
        else:
            assert len(words) == 75  # as far as the tower reads
    assert _words(backbone, "", backbone.tokenise([""])[0, 1:1]) == ([], [])
    assert _of_words(torch.tensor([1.0, 2.0, 4.0]), [1, 3]) == [1.0, 3.0]


def test_a_method_without_patches_says_which_have_them(
    make: Make, here: Callable[[RunFolder], int], data_dir: Path
) -> None:
    run = make(method=["soda"], epochs=1)
    with pytest.raises(InputError, match="no checkpoint"):
        attention(run, data_dir, 2, seed=0)
    assert here(run) == 0
    with pytest.raises(InputError, match=r"soda weighs no patches[^$]*pcril"):
        attention(run, data_dir, 2, seed=0)
