"""What weights were trained with: activation, tokenizer, and how pictures are prepared.

All of it is open_clip's own configuration. The model's is a JSON file of the package and is read
without importing it; the tag's names activation and preprocessing. Weights in a file are described
by the tag that is named with them, by an `open_clip_config.json` in their folder, or by what all
tags of the model have in common.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.bounded_read import read_bounded

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
SIDECAR = "open_clip_config.json"
MAX_BYTES = 1 << 18  # a configuration is a page of text

RESIZE_MODES = ("shortest", "longest", "squash")
INTERPOLATIONS = ("bicubic", "bilinear")
LEGACY_TRANSFORM = "short side bicubic, centre crop, mean/std"
"""How entries of the built-in backbone name their transform, from before others had another."""


@dataclass(frozen=True)
class TowerShape:
    """Sizes of both towers: `dim` of a feature, `context` tokens of a caption at most, tokens of
    a picture with the class token, and widths of tokens. A vision tower that is no plain ViT has
    `image_tokens` and `image_width` 0.
    """

    dim: int
    context: int
    image_tokens: int
    image_width: int
    text_width: int


@dataclass(frozen=True)
class PretrainedConfig:
    """What decides the features beside the weights themselves.

    `size` is (height, width) of the vision tower's input; `tokenizer` the Hugging Face tokenizer
    that the text tower reads, a name or a folder, "" for CLIP's byte pairs. `notes` are warnings
    for the person.
    """

    size: tuple[int, int]
    shape: TowerShape
    quick_gelu: bool = False
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    tokenizer: str = ""
    notes: tuple[str, ...] = ()

    @property
    def activation(self) -> str:
        return "quickgelu" if self.quick_gelu else "gelu"

    @property
    def transform(self) -> str:
        """All that `preprocess` says, in words; part of the key of cached features."""
        mean, std = (",".join(f"{value:g}" for value in each) for each in (self.mean, self.std))
        height, width = self.size
        return f"{self.resize_mode} {self.interpolation} {height}x{width}, mean {mean}, std {std}"

    @property
    def preprocess(self) -> dict[str, Any]:
        """The keys of open_clip's `PreprocessCfg`."""
        return {
            "mean": self.mean,
            "std": self.std,
            "interpolation": self.interpolation,
            "resize_mode": self.resize_mode,
        }

    def facts(self) -> dict[str, str]:
        """What a run's facts say of it."""
        return {
            "activation": self.activation,
            "preprocessing": self.transform,
            "tokenizer": self.tokenizer or "CLIP byte pairs",
        }


@dataclass(frozen=True)
class Scratch:
    """A network of timm that is trained from nothing, and the side of its square pictures."""

    network: str
    side: int


SCRATCH = {
    "scratch-resnet18": Scratch("resnet18", 64),
    "scratch-resnet50": Scratch("resnet50", 224),
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def scratch_config(name: str) -> PretrainedConfig:
    """How pictures of a backbone are prepared that is trained from scratch."""
    side = SCRATCH[name].side
    shape = TowerShape(dim=512, context=77, image_tokens=0, image_width=0, text_width=512)
    return PretrainedConfig((side, side), shape, mean=IMAGENET_MEAN, std=IMAGENET_STD)


def model_configs() -> Path | None:
    """The folder of open_clip's model configurations; None where the package is missing."""
    spec = importlib.util.find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model_configs"


def model_config(name: str) -> dict[str, Any]:
    """open_clip's configuration of a model that it knows."""
    folder = model_configs()
    if folder is None:
        raise InputError("open_clip is not installed", remedy="pip install open_clip_torch")
    config: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return config


def require_tokenizer(name: str) -> None:
    """Raises InputError for a model whose tokenizer or text tower needs a package that is not
    installed: with CLIP's tokens in its place each number would be wrong.
    """
    text = model_config(name)["text_cfg"]
    needed = text.get("hf_tokenizer_name") or text.get("hf_model_name")
    if needed and importlib.util.find_spec("transformers") is None:
        raise InputError(
            f"{name} reads captions as {needed} does, which needs the package transformers",
            where="--backbone",
            remedy="pip install 'hashbench[transformers]', or a model with CLIP's own tokenizer, "
            "such as ViT-B-16",
        )


def config_of(name: str, tag: str, weights: Path) -> PretrainedConfig:
    """The configuration of weights of a model; a tag that open_clip does not know, or "", is none.

    Raises InputError for a configuration that open_clip could not serve either.
    """
    from hashbench.backbones.openclip_import import open_clip

    model = model_config(name)
    base = replace(untrained_config(model), tokenizer=_tokenizer(model, weights.parent))
    library = open_clip()
    described = library.get_pretrained_cfg(name, tag) if tag else {}
    if described:
        return _checked(_overlaid(base, described), name)
    sidecar = _sidecar(weights.parent)
    if sidecar is not None:
        return _checked(_overlaid(base, sidecar), weights.parent / SIDECAR)
    tags = library.list_pretrained_tags_by_model(name)
    every = {each: _overlaid(base, library.get_pretrained_cfg(name, each)) for each in tags}
    return _checked(_common(base, every, name, weights), name)


def untrained_config(model: Mapping[str, Any]) -> PretrainedConfig:
    """What a model's own configuration says, for weights that nothing else describes."""
    vision, text = model["vision_cfg"], model["text_cfg"]
    size = _pair(vision.get("image_size", 224))
    patch = vision.get("patch_size", 16)
    plain = "timm_model_name" not in vision and isinstance(vision.get("layers", 12), int)
    shape = TowerShape(
        dim=int(model["embed_dim"]),
        context=int(text.get("context_length", 77)),
        image_tokens=(size[0] // patch) * (size[1] // patch) + 1 if plain else 0,
        image_width=int(vision.get("width", 768)) if plain else 0,
        text_width=int(text.get("width", 512)),
    )
    return PretrainedConfig(size, shape, quick_gelu=bool(model.get("quick_gelu", False)))


def _common(
    base: PretrainedConfig, tags: Mapping[str, PretrainedConfig], name: str, weights: Path
) -> PretrainedConfig:
    """What all tags agree on; where they do not, the model's own configuration and a warning."""
    if len(set(tags.values())) == 1:
        return next(iter(tags.values()))
    if not tags:
        return base
    others = [tag for tag, config in tags.items() if config != base]
    note = (
        f"{weights.name}: nothing says what these weights were trained with; taken as {name} with "
        f"{base.activation} and {base.transform}. Those of {', '.join(others)} were trained "
        f"otherwise: if the file is one of them, write --pretrained {others[0]}={weights}"
    )
    return replace(base, notes=(note,))


def _overlaid(base: PretrainedConfig, described: Mapping[str, Any]) -> PretrainedConfig:
    """`base` with what a tag's configuration, or a file beside the weights, says."""
    return replace(
        base,
        quick_gelu=base.quick_gelu or bool(described.get("quick_gelu", False)),
        mean=tuple(described.get("mean") or base.mean),
        std=tuple(described.get("std") or base.std),
        interpolation=str(described.get("interpolation") or base.interpolation),
        resize_mode=str(described.get("resize_mode") or base.resize_mode),
    )


def _sidecar(folder: Path) -> dict[str, Any] | None:
    """What `open_clip_config.json` in the weights' folder says, None without one.

    Raises DamagedFileError.
    """
    path = folder / SIDECAR
    if not path.is_file():
        return None
    try:
        content = json.loads(read_bounded(path, MAX_BYTES, "a model configuration"))
        model, preprocess = content["model_cfg"], content.get("preprocess_cfg", {})
        return {**preprocess, "quick_gelu": model.get("quick_gelu", False)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(
            f"is not a configuration of open_clip ({type(error).__name__})",
            where=path,
            remedy="remove it, or fetch it again with the weights",
        ) from error


def _checked(config: PretrainedConfig, where: object) -> PretrainedConfig:
    """Raises InputError for values that open_clip's transform does not know."""
    for key, value, known in (
        ("resize_mode", config.resize_mode, RESIZE_MODES),
        ("interpolation", config.interpolation, INTERPOLATIONS),
    ):
        if value not in known:
            raise InputError(
                f"pictures cannot be prepared as these weights need them: {key} is {value!r}, "
                f"known are {', '.join(known)}",
                where=where,
                remedy="another backbone",
            )
    if len(config.mean) != 3 or len(config.std) != 3 or not all(config.std):
        raise InputError("mean and std must be three numbers each, std not 0", where=where)
    return config


def _tokenizer(model: Mapping[str, Any], folder: Path) -> str:
    """The name of the text tower's tokenizer; its files beside the weights come first."""
    name = str(model["text_cfg"].get("hf_tokenizer_name", ""))
    return str(folder) if name and (folder / "tokenizer_config.json").is_file() else name


def _pair(size: Any) -> tuple[int, int]:
    height, width = size if isinstance(size, tuple | list) else (size, size)
    return int(height), int(width)
