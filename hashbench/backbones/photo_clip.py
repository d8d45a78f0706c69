"""The backbone `photo-clip`: a small joint encoder that has seen real photographs.

Pictures go through the frozen trunk EfficientNet-Lite0, whose weights come with the extra `photo`.
The cells of its 7 x 7 map and a class token made of its pooled features then pass a few
transformer blocks of our own; texts pass a small causal transformer over CLIP's byte pairs. Both
have the face of an open_clip ViT, so that prompts can be learned through the text tower and the
last blocks of both be tuned.

Our weights were made by `hashbench.backbones.pretrain_photo` from Flickr8k and Corel5k; the header
of the file says how, and how good they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hashbench.backbones.lite0 import Lite0, PhotoFeatures
from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.own_weights import VOCABULARY, OwnWeights
from hashbench.backbones.pretrained_config import PretrainedConfig, TowerShape

NAME = "photo-clip"
WEIGHTS = OwnWeights(
    NAME,
    Path(__file__).with_name("photo_clip.safetensors"),
    "hashbench.backbones.pretrain_photo",
)
IMAGE_SIZE = 224
CELLS = 49
DIM = 256
WIDTH, HEAD_WIDTH = 192, 64
IMAGE_BLOCKS, TEXT_BLOCKS = 3, 3
MAP_WIDTH, POOLED_WIDTH = 320, 1280
TEXT_CONFIG: dict[str, Any] = {
    "context_length": 77,
    "vocab_size": VOCABULARY,
    "layers": TEXT_BLOCKS,
    "width": WIDTH,
    "heads": WIDTH // HEAD_WIDTH,
}
MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
"""(x - 127) / 128 over bytes, as the trunk was trained."""


class PhotoTower(nn.Module):
    """Trunk, class token and cells, transformer, projection; attributes as open_clip's ViT."""

    pool_type = "tok"
    attn_pool = None

    def __init__(self) -> None:
        super().__init__()
        clip = open_clip()
        self.image_size = (IMAGE_SIZE, IMAGE_SIZE)
        self.preprocess_cfg = {
            "size": self.image_size,
            "interpolation": "bicubic",
            "mean": MEAN,
            "std": STD,
        }
        self.map_norm, self.pooled_norm = nn.LayerNorm(MAP_WIDTH), nn.LayerNorm(POOLED_WIDTH)
        self.cells = nn.Linear(MAP_WIDTH, WIDTH)
        self.class_token = nn.Linear(POOLED_WIDTH, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(1 + CELLS, WIDTH) * 0.02)
        self.ln_pre = nn.LayerNorm(WIDTH)
        self.transformer: Any = clip.transformer.Transformer(
            WIDTH, IMAGE_BLOCKS, WIDTH // HEAD_WIDTH, 4.0
        )
        self.ln_post = nn.LayerNorm(WIDTH)
        self.proj = nn.Parameter(torch.randn(WIDTH, DIM) * WIDTH**-0.5)
        self.trunk: nn.Module | None = None

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, 224, 224) -> (n, 256), not normalised."""
        if self.trunk is None:
            raise RuntimeError("the tower has no trunk")
        return self.of_features(self.trunk(pixels.contiguous(memory_format=torch.channels_last)))

    def of_features(self, features: PhotoFeatures, kept: Tensor | None = None) -> Tensor:
        """Features of the trunk -> (n, 256); `kept` (n, k) are the cells that are looked at."""
        cls = self.class_token(self.pooled_norm(features.pooled))[:, None]
        tokens = torch.cat([cls, self.cells(self.map_norm(features.maps))], dim=1)
        tokens = tokens + self.positional_embedding
        if kept is not None:
            chosen = (kept + 1)[:, :, None].expand(-1, -1, WIDTH)
            tokens = torch.cat([tokens[:, :1], tokens.gather(1, chosen)], dim=1)
        tokens = self.transformer(self.ln_pre(tokens))
        return torch.as_tensor(self.ln_post(tokens[:, 0]) @ self.proj)


def config() -> PretrainedConfig:
    """Sizes of both towers, and how pictures and texts are read."""
    shape = TowerShape(DIM, int(TEXT_CONFIG["context_length"]), 1 + CELLS, WIDTH, WIDTH)
    return PretrainedConfig((IMAGE_SIZE, IMAGE_SIZE), shape, mean=MEAN, std=STD)


def untrained(seed: int) -> Any:
    """An `open_clip.model.CLIP` whose picture tower is a `PhotoTower` without its trunk; torch's
    global state is left alone.
    """
    smallest = {"image_size": 8, "patch_size": 8, "layers": 1, "width": 64}  # is put aside
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = open_clip().model.CLIP(DIM, smallest, TEXT_CONFIG)
        model.visual = PhotoTower()
    return model


def build(weights: OwnWeights = WEIGHTS, trunk: Path | None = None) -> Any:
    """The pre-trained model, in eval mode and without gradients, in float32.

    Raises InputError when a file is missing and DamagedFileError when it is not such a file.
    """
    model = untrained(seed=0)
    weights.load_into(model)
    model.visual.trunk = Lite0(trunk)
    return model.eval().requires_grad_(requires_grad=False)
