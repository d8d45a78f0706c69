"""Backbones run with the activation, tokenizer and preprocessing that their weights need."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_clips import SIZE, SMALL, TEXT, register, tag

from hashbench.backbones import registry
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.feature_store import FeatureStore
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.pretrained_config import LEGACY_TRANSFORM, config_of
from hashbench.datasets.picturebook.dataset import load
from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.plan.spec import BackboneSpec

CPU = torch.device("cpu")
TAGS = {
    "plain": {},
    "openai": {"quick_gelu": True},
    "squashed": {
        "resize_mode": "squash",
        "interpolation": "bilinear",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.25, 0.5),
    },
    "boxed": {"resize_mode": "longest", "mean": (0.1, 0.2, 0.3)},
}
SENTENCES = ["a photo of a dog", "sky, clouds and sunset", "", "plant life " * 60]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tags = {name: tag(**config) for name, config in TAGS.items()}
    return register(monkeypatch, tmp_path / "models", "small", SMALL, tags)


def source_of(weights: Path, name: str = "", **more: Any) -> registry.BackboneSource:
    pretrained = f"{name}={weights}" if name else str(weights)
    return registry.resolve(BackboneSpec("small", pretrained, **more), weights.parent)


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    shapes = [(SIZE, SIZE), (70, 41), (41, 70), (33, 95), (20, 17), (100, 101)]
    noise = [rng.integers(0, 255, (*shape, 3), dtype=np.uint8) for shape in shapes]
    return [Image.fromarray(pixels) for pixels in noise]


@pytest.mark.parametrize("name", TAGS)
def test_features_are_those_of_open_clip_s_own_pipeline(weights: Path, name: str) -> None:
    tag_config = tag(**TAGS[name])
    model, _, transform = open_clip().create_model_and_transforms(
        "small",
        pretrained=str(weights),
        force_quick_gelu=tag_config.get("quick_gelu", False),
        image_mean=tag_config["mean"],
        image_std=tag_config["std"],
        image_interpolation=tag_config["interpolation"],
        image_resize_mode=tag_config["resize_mode"],
    )
    model.eval()
    backbone = source_of(weights, name).load(CPU)
    pixels = np.stack([backbone.pixels(picture) for picture in pictures()])
    expected = torch.stack([transform(picture) for picture in pictures()])
    np.testing.assert_array_equal(pixels, expected.numpy())
    with torch.inference_mode():
        images = model.encode_image(expected).numpy()
        texts = model.encode_text(open_clip().get_tokenizer("small")(SENTENCES)).numpy()
    np.testing.assert_array_equal(backbone.encode_images(pixels), images)
    ours = backbone.encode_tokens(backbone.tokenise(SENTENCES))
    np.testing.assert_allclose(ours, texts, atol=1e-4, rtol=1e-4)


def test_a_tag_s_activation_is_used_in_both_towers(weights: Path) -> None:
    quick, plain = (source_of(weights, name).load(CPU) for name in ("openai", "plain"))
    for model, activation in ((quick.model, "QuickGELU"), (plain.model, "GELU")):
        for transformer in (model.visual.transformer, model.transformer):
            kinds = {type(block.mlp.gelu).__name__ for block in transformer.resblocks}
            assert kinds == {activation}
    x = torch.linspace(-4, 4, 50)
    gelu = quick.model.transformer.resblocks[0].mlp.gelu
    torch.testing.assert_close(gelu(x), x * torch.sigmoid(1.702 * x))
    pixels = np.stack([plain.pixels(picture) for picture in pictures()])
    gap = np.abs(quick.encode_images(pixels) - plain.encode_images(pixels)).max()
    assert gap > 1e-3


def test_entries_of_another_configuration_are_not_read(weights: Path) -> None:
    keys = [source_of(weights, name) for name in TAGS]
    data = load(weights.parent, {"items": 4, "world": 1})
    names = set()
    for source in [*keys, source_of(weights, "plain", encode_precision="bf16")]:
        store = FeatureStore(weights.parent, source, CPU, lambda *_: None)
        names.add(store.dataset(data).key)
    assert len(names) == len(keys) + 1
    # prompts see no picture: what differs is activation and precision
    assert len({source.key for source in keys}) == 2


def test_entries_of_the_built_in_backbone_keep_their_names(tmp_path: Path) -> None:
    source = registry.resolve(BackboneSpec(), tmp_path)
    data = load(tmp_path, {"items": 4, "world": 1})
    identity = {
        "format": 1,
        "dataset": data.name,
        "fingerprint": data.fingerprint,
        "items": 4,
        "backbone": source.name,
        "weights": source.weights_hash,
        "transform": LEGACY_TRANSFORM,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    key = FeatureStore(tmp_path, source, CPU, lambda *_: None).dataset(data).key
    assert key == f"{data.name}.{source.name}.{digest}"
    assert source.key == f"{source.name}-{source.weights_hash}"


def test_pictures_of_another_size_have_another_key(tmp_path: Path) -> None:
    source = registry.resolve(BackboneSpec(), tmp_path)
    scenes = load(tmp_path, {"items": 4, "world": 1}).pictures
    assert source.encoding_of(scenes) != source.encoding_of(object())  # type: ignore[arg-type]


def test_weights_in_a_file_are_taken_as_all_tags_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = {name: tag(**TAGS["squashed"], quick_gelu=True) for name in ("one", "two")}
    file = register(monkeypatch, tmp_path / "models", "small", SMALL, tags)
    config = source_of(file).config
    assert (config.resize_mode, config.activation, config.notes) == ("squash", "quickgelu", ())


def test_weights_in_a_file_that_may_be_of_several_kinds_are_warned_of(weights: Path) -> None:
    config = source_of(weights).config
    assert (config.resize_mode, config.activation) == ("shortest", "gelu")
    (note,) = config.notes
    assert "openai" in note
    assert f"--pretrained openai={weights}" in note
    assert source_of(weights, "openai").config.notes == ()


def test_a_file_named_by_model_and_tag_needs_no_tag(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "small-openai.safetensors").write_bytes(weights.read_bytes())
    source = registry.resolve(BackboneSpec("small", "openai"), tmp_path)
    assert (source.tag, source.config.activation) == ("openai", "quickgelu")


def test_a_configuration_beside_the_weights_is_followed(weights: Path) -> None:
    sidecar = weights.parent / "open_clip_config.json"
    model = {**SMALL, "quick_gelu": True}
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    sidecar.write_text(json.dumps({"model_cfg": model, "preprocess_cfg": preprocess}))
    config = source_of(weights).config
    assert (config.activation, config.resize_mode, config.mean) == (
        "quickgelu", "squash", (0.5,) * 3
    )  # fmt: skip
    sidecar.write_text("[]")
    with pytest.raises(DamagedFileError, match="configuration of open_clip"):
        _ = source_of(weights).config


@pytest.mark.parametrize(
    ("pretrained", "kind", "match"),
    [
        ("opena={file}", UnknownNameError, "openai"),
        ("openai=/nowhere/w.pt", InputError, "no weights file"),
    ],
)
def test_a_wrong_tag_or_file_is_named(
    weights: Path, pretrained: str, kind: type[InputError], match: str
) -> None:
    with pytest.raises(kind, match=match):
        registry.resolve(BackboneSpec("small", pretrained.format(file=weights)), weights.parent)


def test_preprocessing_that_cannot_be_done_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"odd": tag(resize_mode="tile")}
    file = register(monkeypatch, tmp_path / "models", "small", SMALL, odd)
    with pytest.raises(InputError, match="resize_mode is 'tile'"):
        config_of("small", "odd", file)


FOREIGN = {
    **SMALL,
    "text_cfg": {**TEXT, "context_length": 12, "hf_tokenizer_name": "no/where", "vocab_size": 100},
}


def test_a_model_with_another_tokenizer_is_refused_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = register(monkeypatch, tmp_path / "models", "small", FOREIGN, {})
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "transformers" else find(name)
    )
    with pytest.raises(InputError, match="small reads captions as no/where does") as caught:
        source_of(file)
    assert "pip install" in str(caught.value.remedy)


def test_a_tokenizer_beside_the_weights_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    file = register(monkeypatch, tmp_path / "models", "small", FOREIGN, {})
    words = {"<pad>": 0, "<unk>": 1, "dog": 2, "sky": 3}
    raw = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # noqa: S106 - no password
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", unk_token="<unk>"  # noqa: S106
    ).save_pretrained(file.parent)  # fmt: skip
    backbone = source_of(file).load(CPU)
    assert backbone.tokenise(["dog sky cat"])[0].tolist() == [2, 3, 1, *[0] * 9]


def test_a_tokenizer_that_cannot_be_had_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(name: str) -> None:
        raise OSError(f"no hub for {name}")

    file = register(monkeypatch, tmp_path / "models", "small", FOREIGN, {})
    monkeypatch.setattr(registry, "require_tokenizer", lambda name: None)
    monkeypatch.setattr(open_clip(), "get_tokenizer", offline)
    with pytest.raises(InputError, match="tokenizer no/where of small cannot be loaded") as caught:
        source_of(file).load(CPU)
    assert "beside the weights" in str(caught.value.remedy)


def test_a_text_tower_that_looks_back_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_ways = {**SMALL, "text_cfg": {**TEXT, "no_causal_mask": True, "pool_type": "last"}}
    file = register(monkeypatch, tmp_path / "models", "small", both_ways, {})
    backbone = source_of(file).load(CPU)
    tokens = backbone.tokenise(SENTENCES)
    assert backbone.lengths(tokens).tolist() == [77] * len(SENTENCES)
    with torch.inference_mode():
        expected = backbone.model.encode_text(tokens).numpy()
    np.testing.assert_array_equal(backbone.encode_tokens(tokens), expected)


def test_bf16_encoding_is_near_fp32_and_not_it(weights: Path) -> None:
    exact, mixed = (
        source_of(weights, "openai", encode_precision=precision).load(CPU)
        for precision in ("fp32", "bf16")
    )
    pixels = np.stack([exact.pixels(picture) for picture in pictures()])
    tokens = exact.tokenise(SENTENCES)
    for whole, half in (
        (exact.encode_images(pixels), mixed.encode_images(pixels)),
        (exact.encode_tokens(tokens), mixed.encode_tokens(tokens)),
    ):
        assert half.dtype == np.float32
        assert not np.array_equal(whole, half)
        cosine = (
            (whole * half).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(half, axis=1)
        )
        assert cosine.min() > 0.99


def test_the_facts_tell_what_ran(weights: Path) -> None:
    facts = source_of(weights, "openai", encode_precision="bf16").facts()
    assert facts["activation"] == "quickgelu"
    assert facts["encoding"] == "bf16"
    assert "shortest bicubic 32x32" in facts["preprocessing"]


def test_built_in_pixels_are_exact(tmp_path: Path) -> None:
    """Pictures of the tower's size come out as (x / 255 - mean) / std in single precision."""
    backbone: ClipBackbone = registry.resolve(BackboneSpec(), tmp_path).load(CPU)
    picture = load(tmp_path, {"items": 1, "world": 1}).pictures.read(0)
    mean, std = (
        np.asarray(getattr(open_clip(), f"OPENAI_DATASET_{part}"), np.float32)
        for part in ("MEAN", "STD")
    )
    plain = (np.asarray(picture, np.float32) / np.float32(255) - mean) / std
    np.testing.assert_array_equal(backbone.pixels(picture), plain.transpose(2, 0, 1))
