"""Two frozen towers without a common space: known before anything loads, and run like any other."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hashbench.backbones import bag_of_words, preflight, registry, tower_pairs
from hashbench.backbones.bag_of_words import BagOfWords, vocabulary
from hashbench.backbones.cache_entries import entries
from hashbench.backbones.feature_towers import FeatureTowers
from hashbench.datasets.mirflickr25k.dataset import load
from hashbench.engine.build import build_method, prepare
from hashbench.engine.encoding import encode
from hashbench.errors import DamagedFileError, InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from hashbench.plan.spec import BackboneSpec, RunSpec
from hashbench.runs import layout
from hashbench.runs import result as results
from tests.backbones.photo_extra import needs_photo, photographs
from tests.engine.conftest import worker

CPU = torch.device("cpu")
CAPTIONS = st.lists(st.text("abc ,", max_size=12), max_size=12)


def spec_of(method: str, backbone: str, **more: Any) -> RunSpec:
    (spec,) = expand(
        Request(
            method=[method],
            backbone=backbone,
            **{"dataset": ["picturebook-tiny"], "bits": [16], "threads": 1} | more,
        )
    )
    return spec


def test_names() -> None:
    listed = registry.names()
    assert set(tower_pairs.NAMES) < set(listed)
    registry.check_name("lite0+bow2")
    for wrong in ("lite0+bow0", "lite0+bow05", "lite0+bow-5", "lite0", "minilm+lite0"):
        with pytest.raises(UnknownNameError, match="no backbone"):
            registry.check_name(wrong)
    five, usual = tower_pairs.pair("lite0+bow5"), tower_pairs.pair("lite0+bow")
    assert five is not None
    assert usual is not None
    assert (five.min_captions, usual.min_captions) == (5, 20)


@pytest.mark.parametrize("part", ["package", "file", "requires"])
def test_a_missing_package_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: str
) -> None:
    lacking: dict[str, Any] = {
        "package": {"package": "no_such_package"},
        "file": {"package": "numpy", "file": "no/such.file"},
        "requires": {"package": "numpy", "file": "__init__.py", "requires": ("no_such_package",)},
    }[part]
    monkeypatch.setattr(tower_pairs, "LITE0", replace(tower_pairs.LITE0, **lacking))
    for fetch in (True, False):
        with pytest.raises(InputError, match="EfficientNet-Lite0") as caught:
            preflight.check_inputs([spec_of("soda", "lite0+bow")], tmp_path, fetch=fetch)
        assert caught.value.where == "--backbone"
        assert 'pip install "hashbench[photo]"' in str(caught.value.remedy)


def test_weights_of_ones_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has its own weights"):
        registry.resolve(BackboneSpec("lite0+minilm", "openai"), tmp_path)


JOINT = [card.name for card in catalog.methods().values() if card.needs_joint_space]


@needs_photo
@pytest.mark.parametrize("method", JOINT)
@pytest.mark.parametrize("backbone", ["lite0+minilm", "lite0+bow", "scratch-resnet18"])
def test_methods_that_compare_modalities_say_why_not(
    tmp_path: Path, method: str, backbone: str
) -> None:
    spec = spec_of(method, backbone)
    with pytest.raises(InputError, match=f"{method} compares images with texts") as early:
        preflight.check_inputs([spec], tmp_path, fetch=False)
    assert "soda" in str(early.value.remedy)
    with pytest.raises(InputError, match="none in common"):
        prepare(spec, tmp_path, tmp_path / "labels.npz", CPU)
    assert not entries(tmp_path / "cache")  # refused before anything is extracted


def test_those_methods_run_on_clip(tmp_path: Path) -> None:
    assert {"pcril", "prompthash", "pghmh"} <= set(JOINT)
    specs = [spec_of(method, "picturebook-clip") for method in JOINT]
    preflight.check_inputs(specs, tmp_path, fetch=False)


@given(CAPTIONS, st.integers(1, 4))
def test_the_vocabulary_is_what_stands_in_enough_captions(captions: list[str], least: int) -> None:
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update(set(caption.replace(",", " ").split()))
    frequent = sorted(word for word in counts if counts[word] >= least)
    if not frequent:
        with pytest.raises(InputError, match=f"no word stands in {least} training captions"):
            vocabulary(captions, least)
        return
    assert list(vocabulary(captions, least)) == frequent


def test_the_most_frequent_words_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag_of_words, "MAX_WORDS", 2)
    assert vocabulary(["Sky sea", "sky, dog", "sea; cat", "ant"], 1) == ("sea", "sky")


@given(CAPTIONS.filter(bool))
def test_a_bag_says_which_words_a_text_holds(captions: list[str]) -> None:
    words = ["a", "ab", "b", "cc"]
    bag = BagOfWords(words, CPU)
    expected = [
        [float(word in caption.replace(",", " ").split()) for word in words] for caption in captions
    ]
    features = bag(bag.tokenise(captions))
    assert features.tolist() == expected


@pytest.fixture(scope="module")
def photos(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(shared_data, tmp_path_factory.mktemp("photos"), 60)


def photo_spec(method: str, backbone: str, **more: Any) -> RunSpec:
    sizes = {"dataset": ["mirflickr25k"], "query_size": 10, "train_size": 40}
    return spec_of(method, backbone, **sizes | more)


@needs_photo
@pytest.mark.shared
def test_runs_on_photographs(photos: Path, tmp_path: Path) -> None:
    for spec in (
        photo_spec("soda", "lite0+minilm", epochs=2),
        photo_spec("lsh", "lite0+minilm"),
    ):
        run = layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))
        assert worker(run, photos).wait(timeout=300) == 0, run.log.read_text()
        result = results.read(run.result)
        assert set(result.scores["16"]) == {"i2t", "t2i"}
        assert "Apache-2.0" in str(result.facts["image tower"])
        assert "all-MiniLM-L6-v2" in str(result.facts["text tower"])
    (prompts,) = [e for e in entries(photos / "cache") if e.name.startswith("prompts.lite0+minilm")]
    assert prompts.finished
    (features,) = [
        e for e in entries(photos / "cache") if e.name.startswith("mirflickr25k.lite0+minilm")
    ]
    images = np.load(photos / "cache" / features.name / "images.npy")
    texts = np.load(photos / "cache" / features.name / "texts.npy")
    assert images.shape[1] == 1280
    assert texts.shape[1] == 384
    # rows belong to their items, whatever batch they were in
    backbone = registry.resolve(spec.backbone, photos).load(CPU)
    dataset = load(photos, spec.dataset.params)
    last = len(dataset) - 1
    pixels = backbone.pixels(dataset.pictures.read(last))[None]
    np.testing.assert_allclose(backbone.encode_images(pixels)[0], images[last], atol=1e-4)
    captions = [caption for each in dataset.captions for caption in each]
    ids = backbone.tokenise(captions[-1:])
    np.testing.assert_allclose(backbone.encode_tokens(ids)[0], texts[-1], atol=1e-5)


@needs_photo
@pytest.mark.shared
def test_a_bag_of_words_is_fitted_on_training_captions_alone(photos: Path, tmp_path: Path) -> None:
    spec = photo_spec("soda", "lite0+bow2")
    prepared = prepare(spec, photos, tmp_path / "labels.npz", CPU)
    data, source = prepared.data, prepared.store.source
    fitted = [data.dataset.captions[item] for item in data.split.train_fit]
    assert source.words == vocabulary([text for each in fitted for text in each], 2)
    validated = [data.dataset.captions[item] for item in data.split.validation]
    others = [text for each in fitted + validated for text in each]
    assert source.words != vocabulary(others, 2)  # so that the line above sees the difference
    assert f"bag of {len(source.words)} words" in str(prepared.facts()["text tower"])
    captions = [caption for each in data.dataset.captions for caption in each]
    bag = BagOfWords(source.words, CPU)
    assert np.array_equal(data.features.texts, bag(bag.tokenise(captions)).numpy())

    method = build_method(prepared).eval()  # its label prompts are bags of words, too
    codes = encode(method, data, data.split.query, "query")
    assert len(codes["image"][16]) == len(data.split.query)

    again = prepare(spec, photos, tmp_path / "labels.npz", CPU)
    assert not again.data.features.computed
    other_split = photo_spec("soda", "lite0+bow2", split_seed=[7])
    other = prepare(other_split, photos, tmp_path / "other.npz", CPU)
    assert other.store.source.words != source.words
    assert other.data.features.key != data.features.key


@needs_photo
def test_pixels_are_the_centre_square() -> None:
    from PIL import Image

    towers = registry.resolve(BackboneSpec("lite0+minilm"), Path()).load(CPU)
    assert isinstance(towers, FeatureTowers)
    wide = np.zeros((192, 400, 3), np.uint8)
    wide[:, 104:296] = np.random.default_rng(0).integers(0, 256, (192, 192, 3))
    pixels = towers.pixels(Image.fromarray(wide))
    expected = (wide[:, 104:296].astype(np.float32) - 127) / 128
    np.testing.assert_allclose(pixels, expected.transpose(2, 0, 1), atol=1e-6)
    assert towers.grey().shape == pixels.shape


@needs_photo
def test_torn_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "torn_package"
    for weights in (tower_pairs.LITE0, tower_pairs.MINILM):
        copy = package / weights.file
        copy.parent.mkdir(parents=True)
        copy.write_bytes(weights.path.read_bytes()[:-1000])
        for beside in weights.path.parent.glob("*.json"):
            (copy.parent / beside.name).symlink_to(beside)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("MINILM", "LITE0"):
        torn = replace(getattr(tower_pairs, name), package="torn_package")
        monkeypatch.setattr(tower_pairs, name, torn)
        with pytest.raises(DamagedFileError, match=f"{torn.title} do not load") as caught:
            registry.resolve(BackboneSpec("lite0+minilm"), tmp_path).load(CPU)
        assert "force-reinstall" in str(caught.value.remedy)
        monkeypatch.undo()
        monkeypatch.syspath_prepend(tmp_path)
