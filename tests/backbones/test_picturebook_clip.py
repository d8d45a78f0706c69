"""The built-in backbone: its file, its quality, and the room it leaves to methods."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from hashbench.backbones import (
    own_weights,
    picturebook_clip,
    pretrain_picturebook,
    pretraining_data,
)
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.token_count import count_tokens
from hashbench.datasets.picturebook import LARGEST_DATASET_SEED, scenes
from hashbench.datasets.picturebook.dataset import load
from hashbench.errors import DamagedFileError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hashbench.datasets.base import Dataset

QUERIES, DATABASE = 300, 1700


@dataclass(frozen=True)
class Encoded:
    """Unit features of a dataset's items and of the prompts of its classes."""

    dataset: Dataset
    images: NDArray[np.float32]
    texts: NDArray[np.float32]
    prompts: NDArray[np.float32]


def at(path: Path) -> own_weights.OwnWeights:
    """The weights of picturebook-clip in another file."""
    return replace(picturebook_clip.WEIGHTS, path=path)


@pytest.fixture(scope="module")
def model() -> Any:
    return picturebook_clip.build()


@pytest.fixture(scope="module")
def encoded(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    dataset = load(tmp_path_factory.mktemp("empty"), {"items": QUERIES + DATABASE, "world": 1})
    tokenize = open_clip().tokenizer.SimpleTokenizer()
    images, texts = [], []
    with torch.inference_mode():
        for first in range(0, len(dataset), 250):
            block = range(first, min(first + 250, len(dataset)))
            raw = np.stack([np.asarray(dataset.pictures.read(i)) for i in block])
            images.append(model.encode_image(pretraining_data.pictures(raw), normalize=True))
            tokens = tokenize([dataset.captions[i][0] for i in block])
            texts.append(model.encode_text(tokens, normalize=True))
        prompts = tokenize([f"a photo of {name}" for name in dataset.class_names])
        named = model.encode_text(prompts, normalize=True)
    return Encoded(dataset, torch.cat(images).numpy(), torch.cat(texts).numpy(), named.numpy())


def test_zero_shot_average_precision(encoded: Encoded) -> None:
    """Each class's prompt ranks scenes that pre-training never saw."""
    order = np.argsort(-(encoded.images @ encoded.prompts.T), axis=0, kind="stable")
    hits = np.take_along_axis(encoded.dataset.labels, order, axis=0)
    precision = hits.cumsum(axis=0) / np.arange(1, len(hits) + 1)[:, None]
    average = (precision * hits).sum(axis=0) / hits.sum(axis=0)
    assert average.mean() >= 0.70
    noted = re.match(r"0\.\d+", picturebook_clip.WEIGHTS.facts()["zero_shot_ap"])
    assert noted is not None
    assert average.mean() == pytest.approx(float(noted[0]), abs=0.04)


def mean_average_precision(
    query: NDArray[Any], database: NDArray[Any], relevant: NDArray[np.bool_]
) -> float:
    """mAP@all of real-valued or +-1 codes by their products, ties by index."""
    order = np.argsort(-(query @ database.T), axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return float(((precision * hits).sum(axis=1) / hits.sum(axis=1)).mean())


def test_random_projections_leave_room_above_and_below(encoded: Encoded) -> None:
    """32 bits of sign random projection score 0.58 to 0.72; a linear classifier well above."""
    labels = encoded.dataset.labels
    query, database = slice(0, QUERIES), slice(QUERIES, None)
    relevant = (labels[query].astype(np.float32) @ labels[database].T.astype(np.float32)) > 0
    assert 0.45 < relevant.mean() < 0.55
    centred = [x - x[database].mean(axis=0) for x in (encoded.images, encoded.texts)]
    scores = []
    for seed in range(3):
        plane = np.random.default_rng(seed).normal(size=(centred[0].shape[1], 32))
        image, text = (np.where(x @ plane > 0, 1.0, -1.0) for x in centred)
        scores.append(
            (
                mean_average_precision(image[query], text[database], relevant),
                mean_average_precision(text[query], image[database], relevant),
            )
        )
    i2t, t2i = np.mean(scores, axis=0)
    assert 0.58 < i2t < 0.72
    assert 0.58 < t2i < 0.72
    image, text = (ridge_classes(x, labels, database) for x in centred)
    best = mean_average_precision(image[query], text[database], relevant)
    assert i2t + 0.08 < best < 0.95


def ridge_classes(
    features: NDArray[np.float32], labels: NDArray[np.bool_], fit: slice
) -> NDArray[np.float64]:
    """Centred class scores of a linear least squares fit on the given rows."""
    x = features[fit].astype(np.float64)
    y = labels[fit] - labels[fit].mean(axis=0)
    weights = np.linalg.solve(x.T @ x + 1.0 * np.eye(x.shape[1]), x.T @ y)
    return np.asarray(features @ weights)


def test_one_caption_in_ten_is_cut() -> None:
    texts = [text for index in range(1200) for text in scenes.captions(1, index)]
    lengths = count_tokens(texts)
    assert 0.08 < (lengths > 77).mean() < 0.12
    assert np.median(lengths) < 20
    tokens = open_clip().tokenizer.SimpleTokenizer()(texts[:300])
    assert np.array_equal((tokens != 0).sum(dim=1).numpy(), np.minimum(lengths[:300], 77))


def test_pretraining_encodes_text_as_open_clip_does() -> None:
    texts = [text for index in range(200) for text in scenes.captions(1, index)]
    tokens = open_clip().tokenizer.SimpleTokenizer()(texts)
    for text, row in zip(texts, tokens.tolist(), strict=True):
        own = pretraining_data.encode(text)
        assert row == own + [0] * (77 - len(own))


def test_the_weights_file_is_small_and_says_what_it_is() -> None:
    assert picturebook_clip.WEIGHTS.path.stat().st_size <= 6 * 2**20
    facts = picturebook_clip.WEIGHTS.facts()
    assert {"format", "seed", "steps", "batch", "scenes", "cost", "zero_shot_ap"} <= set(facts)
    assert len(picturebook_clip.WEIGHTS.sha256()) == 64
    with safe_open(picturebook_clip.WEIGHTS.path, framework="pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds == {torch.float16, torch.int32}
    assert pretrain_picturebook.TRAINING_WORLD > LARGEST_DATASET_SEED
    assert pretrain_picturebook.UNSEEN_WORLD > LARGEST_DATASET_SEED


def test_the_model_is_open_clips_with_known_and_untrained_tokens(model: Any) -> None:
    assert isinstance(model, open_clip().model.CLIP)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    stored = load_file(picturebook_clip.WEIGHTS.path)
    known = stored[own_weights.TOKEN_IDS].long()
    rows = model.token_embedding.weight
    assert rows.shape == (49408, 128)
    assert torch.equal(rows[known], stored[own_weights.TOKENS].float())
    others = torch.ones(len(rows), dtype=torch.bool)
    others[known] = False
    untrained = torch.from_numpy(own_weights.untrained_rows(128))
    assert torch.equal(rows[others], untrained[others])
    assert untrained.std().item() == pytest.approx(0.02, rel=0.01)
    assert torch.equal(model.visual.proj, stored["visual.proj"].float())


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again = picturebook_clip.build(), picturebook_clip.build()
    assert torch.equal(torch.rand(3), expected)
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.safetensors"
    with pytest.raises(InputError, match="missing") as refusal:
        picturebook_clip.build(at(missing))
    assert str(missing) in str(refusal.value)
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(picturebook_clip.WEIGHTS.path.read_bytes()[:5000])
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(2)}, foreign)
    other = load_file(picturebook_clip.WEIGHTS.path)
    other["visual.proj"] = torch.zeros(3, 3, dtype=torch.float16)
    shapes = tmp_path / "shapes.safetensors"
    save_file(other, shapes, metadata={"format": own_weights.FORMAT})
    for path in (torn, foreign, shapes):
        with pytest.raises(DamagedFileError, match=path.name):
            picturebook_clip.build(at(path))


def test_pretraining_writes_a_file_that_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps on a few scenes: the whole script, end to end."""
    monkeypatch.setattr(pretrain_picturebook, "UNSEEN", 300)
    path = tmp_path / "tiny.safetensors"
    pretrain_picturebook.pretrain(path, seed=3, steps=2, size=16, count=48, rate=1e-3)
    assert at(path).facts()["steps"] == "2 of 2"
    assert at(path).sha256() != picturebook_clip.WEIGHTS.sha256()
    trained, start = picturebook_clip.build(at(path)), picturebook_clip.untrained(3)
    moved = [
        not torch.equal(one, other)
        for one, other in zip(trained.parameters(), start.parameters(), strict=True)
    ]
    assert all(moved)


def test_open_clip_imports_in_a_fresh_process() -> None:
    program = (
        "from hashbench.backbones.openclip_import import open_clip; "
        "print(open_clip().model.CLIP.__name__, open_clip() is open_clip())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "CLIP True\n"
