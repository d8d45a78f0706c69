"""Lite0 and MiniLM give what a plain forward pass over the packages' own parameters gives."""

from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from hashbench.backbones.lite0 import Lite0, renamed
from hashbench.backbones.minilm import MAX_TOKENS, PAD, MiniLM
from hashbench.backbones.tower_pairs import LITE0, MINILM
from hashbench.errors import DamagedFileError
from tests.backbones.photo_extra import needs_photo

pytestmark = needs_photo

STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""(blocks, stride of the first one) of EfficientNet-B0, table 1 of arXiv 1905.11946."""


def same_padded(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """TensorFlow's "same" convolution; a depthwise one where the weights have one input channel."""
    pads: list[int] = []
    for length in (x.shape[3], x.shape[2]):
        size = weight.shape[2]
        needed = max(0, (math.ceil(length / stride) - 1) * stride + size - length)
        pads += [needed // 2, needed - needed // 2]
    groups = x.shape[1] if weight.shape[1] == 1 and x.shape[1] > 1 else 1
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def plain_lite0(state: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """(n, 1280) pooled features and (n, 1000) logits, by the names of the file."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, gain, bias = (
            state[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-3) * gain + bias

    x = norm(same_padded(x, state["_conv_stem.weight"], 2), "_bn0").clamp(0, 6)
    strides = [first if n == 0 else 1 for count, first in STAGES for n in range(count)]
    for number, stride in enumerate(strides):
        block, before = f"_blocks.{number}", x
        if f"{block}._expand_conv.weight" in state:
            x = F.conv2d(x, state[f"{block}._expand_conv.weight"])
            x = norm(x, f"{block}._bn0").clamp(0, 6)
        x = same_padded(x, state[f"{block}._depthwise_conv.weight"], stride)
        x = norm(x, f"{block}._bn1").clamp(0, 6)
        x = norm(F.conv2d(x, state[f"{block}._project_conv.weight"]), f"{block}._bn2")
        if x.shape == before.shape:
            x = x + before
    x = norm(F.conv2d(x, state["_conv_head.weight"]), "_bn1").clamp(0, 6)
    pooled = x.mean((2, 3))
    return pooled, pooled @ state["_fc.weight"].T + state["_fc.bias"]


@pytest.mark.parametrize("size", [64, 96])
def test_lite0_is_the_network_of_the_file(size: int) -> None:
    state = torch.load(LITE0.path, map_location="cpu", weights_only=True)
    pixels = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(size)) * 2 - 1
    pooled, logits = plain_lite0(state, pixels)
    trunk = Lite0()
    features = trunk(pixels)
    assert features.maps.shape == (2, (size // 32) ** 2, 320)
    torch.testing.assert_close(features.pooled, pooled, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(trunk.logits(features.pooled), logits, atol=1e-3, rtol=1e-3)


def test_lite0_stays_frozen() -> None:
    trunk = Lite0()
    trunk.train()
    assert not any(module.training for module in trunk.modules())
    assert not any(parameter.requires_grad for parameter in trunk.parameters())


def test_another_network_is_refused() -> None:
    one = {"a": torch.zeros(2), "b": torch.zeros(3)}
    assert list(renamed(one, {"x": torch.ones(2), "y": torch.ones(3)})) == ["x", "y"]
    for other in ({"x": torch.zeros(2)}, {"x": torch.zeros(2), "y": torch.zeros(4)}):
        with pytest.raises(DamagedFileError, match="another network"):
            renamed(one, other)


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


SENTENCES = [
    "a dog runs over the beach",
    "",
    "sky, clouds, hdr, Zürich 2007; nikon d80 explore",
    "An image of baby and portrait.",
]


def plain_minilm(ids: list[int]) -> Tensor:
    """(384) of one sentence, token by token and head by head, in double precision."""
    folder = MINILM.path.parent
    heads = json.loads((folder / "config.json").read_text())["num_attention_heads"]
    state = {name: value.double() for name, value in load_file(MINILM.path).items()}

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(x: Tensor, name: str) -> Tensor:
        x = x - x.mean(1, keepdim=True)
        x = x / torch.sqrt(x.square().mean(1, keepdim=True) + 1e-12)
        return x * state[f"{name}.weight"] + state[f"{name}.bias"]

    x = torch.stack(
        [
            state["embeddings.word_embeddings.weight"][token]
            + state["embeddings.position_embeddings.weight"][place]
            + state["embeddings.token_type_embeddings.weight"][0]
            for place, token in enumerate(ids)
        ]
    )
    x = norm(x, "embeddings.LayerNorm")
    width = x.shape[1] // heads
    for layer in range(6):
        block = f"encoder.layer.{layer}"
        query, key, value = (
            linear(x, f"{block}.attention.self.{part}") for part in ("query", "key", "value")
        )
        attended = torch.empty_like(x)
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            for place in range(len(ids)):
                weights = (key[:, part] @ query[place, part] / math.sqrt(width)).softmax(0)
                attended[place, part] = weights @ value[:, part]
        merged = linear(attended, f"{block}.attention.output.dense")
        x = norm(x + merged, f"{block}.attention.output.LayerNorm")
        inner = linear(x, f"{block}.intermediate.dense")
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        x = norm(x + linear(inner, f"{block}.output.dense"), f"{block}.output.LayerNorm")
    mean = x.mean(0)
    return mean / mean.norm()


def test_minilm_is_the_network_of_the_file(minilm: MiniLM) -> None:
    ids = minilm.tokenise(SENTENCES)
    features = minilm(ids)
    for row, sentence in zip(ids.tolist(), features, strict=True):
        expected = plain_minilm([token for token in row if token != PAD])
        torch.testing.assert_close(sentence.double(), expected, atol=2e-6, rtol=0)


def test_neither_batch_nor_padding_matter(minilm: MiniLM) -> None:
    together = minilm(minilm.tokenise(SENTENCES))
    wide = minilm(F.pad(minilm.tokenise(SENTENCES), (0, 20), value=PAD))
    torch.testing.assert_close(wide, together, atol=1e-6, rtol=0)
    for row, sentence in enumerate(SENTENCES):
        alone = minilm(minilm.tokenise([sentence]))[0]
        torch.testing.assert_close(alone, together[row], atol=1e-6, rtol=0)


def test_minilm_reads_meaning(minilm: MiniLM) -> None:
    words = ["a puppy plays in a meadow", "a young dog on the grass", "quarterly tax returns"]
    puppy, dog, tax = minilm(minilm.tokenise(words))
    assert float(puppy @ dog) > 0.5 > float(puppy @ tax) + 0.3


def test_long_texts_are_cut(minilm: MiniLM) -> None:
    assert minilm.tokenise(["word " * 500]).shape == (1, MAX_TOKENS)
