"""The built-in backbone `picturebook-clip`: a small open_clip model, its weights in the package.

The weights were made by `hashbench.backbones.pretrain_picturebook`; the header of the file says
from which seed, in how many steps, at what cost and how good they are (`own_weights`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.own_weights import VOCABULARY, OwnWeights
from hashbench.backbones.pretrained_config import PretrainedConfig, untrained_config

WEIGHTS = OwnWeights(
    "picturebook-clip",
    Path(__file__).with_name("picturebook_clip.safetensors"),
    "hashbench.backbones.pretrain_picturebook",
)

CONFIG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": 64,
        "patch_size": 8,
        "layers": 4,
        "width": 128,
        "head_width": 32,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": VOCABULARY,
        "layers": 3,
        "width": 128,
        "heads": 4,
    },
}


def config() -> PretrainedConfig:
    """Sizes of both towers, and how pictures and texts are read."""
    return untrained_config(CONFIG)


def build(weights: OwnWeights = WEIGHTS) -> torch.nn.Module:
    """The pre-trained `open_clip.model.CLIP`, in eval mode and without gradients, in float32.

    Raises InputError when the file is missing and DamagedFileError when it is not such a file.
    """
    model = untrained(seed=0)
    weights.load_into(model)
    return model.eval().requires_grad_(requires_grad=False)


def untrained(seed: int) -> torch.nn.Module:
    """A model of CONFIG with open_clip's own initial values; torch's global state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: torch.nn.Module = open_clip().model.CLIP(**CONFIG)
    return model
