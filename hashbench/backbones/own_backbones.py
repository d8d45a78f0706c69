"""The backbones that hashbench trained itself and ships: which there are, without loading torch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.backbones.pretrained_config import PretrainedConfig
from hashbench.backbones.tower_pairs import LITE0, PackagedWeights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class OwnBackbone:
    """A module of this package with `config()` and `build()`, its weights beside it; the weights of
    a frozen `trunk` may come with another package.

    `unversioned` features are kept under the key of the first release, which named no
    preprocessing, so that those on disk stay usable.
    """

    name: str
    module: str
    trunk: PackagedWeights | None = None
    unversioned: bool = False

    @property
    def weights(self) -> Path:
        """Our own weights, those of the trunk not among them."""
        return Path(__file__).with_name(f"{self.module}.safetensors")

    @property
    def files(self) -> tuple[Path, ...]:
        """All weights. Raises InputError where the trunk's package is not installed."""
        return (self.weights,) if self.trunk is None else (self.weights, self.trunk.path)

    @property
    def config(self) -> PretrainedConfig:
        """Sizes and preprocessing; imports torch."""
        config: PretrainedConfig = self._imported().config()
        return config

    def build(self) -> torch.nn.Module:
        """The model, in eval mode and without gradients, in float32."""
        model: torch.nn.Module = self._imported().build()
        return model

    def facts(self) -> dict[str, str]:
        """What a run's facts say of the trunk."""
        return {} if self.trunk is None else {"image trunk": self.trunk.description}

    def _imported(self) -> Any:
        return importlib.import_module(f"hashbench.backbones.{self.module}")


BUILTIN = OwnBackbone("picturebook-clip", "picturebook_clip", unversioned=True)
PHOTO = OwnBackbone("photo-clip", "photo_clip", trunk=LITE0)
OWN = {backbone.name: backbone for backbone in (BUILTIN, PHOTO)}
