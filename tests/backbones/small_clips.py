"""Small models of open_clip's kinds, registered with open_clip for a test, weights in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from hashbench.backbones import pretrained_config, registry
from hashbench.backbones.openclip_import import open_clip

VISION = {"image_size": 32, "patch_size": 8, "layers": 3, "width": 32, "head_width": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "layers": 3, "width": 32, "heads": 2}
SMALL = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}
SIZE = VISION["image_size"]


def tag(**config: Any) -> dict[str, Any]:
    """A tag's configuration as open_clip's table holds it, OpenAI's values without others."""
    described: dict[str, Any] = open_clip().pretrained._pcfg(**config)
    return described


def register(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    name: str,
    config: dict[str, Any],
    tags: dict[str, dict[str, Any]],
) -> Path:
    """Makes `name` a model of open_clip; returns a file of random weights for it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(config))
    factory = open_clip().factory
    monkeypatch.setitem(factory._MODEL_CONFIGS, name, config)
    monkeypatch.setitem(open_clip().pretrained._PRETRAINED, name, tags)
    monkeypatch.setattr(pretrained_config, "model_configs", lambda: folder)
    monkeypatch.setattr(registry, "model_configs", lambda: folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = open_clip().create_model(name)
        for parameter in model.parameters():
            parameter.data.normal_(std=0.15)  # far enough from 0 that activations matter
    weights = folder / f"{name}.safetensors"
    save_file(model.state_dict(), weights)
    return weights
