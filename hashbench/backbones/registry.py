"""From a backbone's name to its identity (cheap, no torch) and to the model (when needed).

`picturebook-clip` ships with the package; `scratch-resnet18` and `scratch-resnet50` are trained on
a run's own training labels (`hashbench.backbones.scratch`). Every other name is a model of
open_clip, with weights from one of its tags (`openai`), from a file, or from a file that holds
those of a tag (`openai=FILE`).
"""

from __future__ import annotations

import functools
import hashlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import getproxies

from hashbench.backbones.pretrained_config import (
    LEGACY_TRANSFORM,
    SCRATCH,
    PretrainedConfig,
    config_of,
    model_config,
    model_configs,
    require_tokenizer,
    scratch_config,
    untrained_config,
)
from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.spec import BackboneSpec

if TYPE_CHECKING:
    import torch

    from hashbench.backbones.clip import ClipBackbone
    from hashbench.datasets.base import Pictures

BUILTIN = "picturebook-clip"
BUILTIN_WEIGHTS = Path(__file__).with_name("picturebook_clip.safetensors")
HUB_SECONDS = 5.0
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class BackboneSource:
    """A backbone and its weights; those of one that the run itself trains are missing at first.

    `tag` is that of open_clip whose weights these are, "" where that is not known. `precision` is
    that of the stored features, fp32 or fp16; `encode_precision` that of the towers, fp32 or bf16.
    """

    name: str
    weights: Path
    weights_hash: str
    precision: str = "fp32"
    tag: str = ""
    encode_precision: str = "fp32"

    @functools.cached_property
    def config(self) -> PretrainedConfig:
        """Activation, tokenizer and preprocessing of the weights."""
        if self.name == BUILTIN:
            from hashbench.backbones import picturebook_clip

            return untrained_config(picturebook_clip.CONFIG)
        if self.name in SCRATCH:
            return scratch_config(self.name)
        return config_of(self.name, self.tag, self.weights)

    @property
    def key(self) -> str:
        """Names all that decides the features of a text."""
        key = f"{self.name}-{self.weights_hash}"
        if self.name != BUILTIN:
            key += f"-{self.config.activation}-{self.config.tokenizer or 'bpe'}"
        return key if self.encode_precision == "fp32" else f"{key}-{self.encode_precision}"

    def encoding_of(self, pictures: Pictures) -> dict[str, str]:
        """What decides the features of a dataset beside its items and the weights.

        Pictures of the built-in backbone's own size are not resized, so their features are those
        of earlier versions, and so is this.
        """
        config = self.config
        if self.name == BUILTIN and getattr(pictures, "size", None) == config.size:
            decides = {"transform": LEGACY_TRANSFORM}
        else:
            decides = {
                "transform": config.transform,
                "activation": config.activation,
                "tokenizer": config.tokenizer,
            }
        if self.encode_precision != "fp32":
            decides["encoding"] = self.encode_precision
        return decides

    def facts(self) -> dict[str, str]:
        """What a run's facts say of its backbone."""
        return {
            "backbone": self.name,
            "weights": f"{self.tag or self.weights.name} {self.weights_hash}",
            **self.config.facts(),
            "encoding": self.encode_precision,
        }

    def load(self, device: torch.device) -> ClipBackbone:
        """The model on `device`. Raises InputError where the weights do not fit the model, or its
        tokenizer cannot be had.
        """
        from hashbench.backbones.clip import ClipBackbone

        if self.name == BUILTIN:
            from hashbench.backbones import picturebook_clip

            model = picturebook_clip.build()
            return ClipBackbone(model, device, precision=self.encode_precision)
        if self.name in SCRATCH:
            from hashbench.backbones import scratch

            return scratch.load(self, device)
        return ClipBackbone(self._model(), device, self._tokenizer(), self.encode_precision)

    def _model(self) -> torch.nn.Module:
        from hashbench.backbones.openclip_import import open_clip

        try:
            model: torch.nn.Module = open_clip().create_model(
                self.name,
                pretrained=str(self.weights),
                force_quick_gelu=self.config.quick_gelu,
                force_preprocess_cfg=self.config.preprocess,
            )
        except Exception as error:  # whatever a foreign file makes of the loaders: it is the file
            what = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"the weights do not load into {self.name}: {what}",
                where=self.weights,
                remedy="weights of this very model, as safetensors or a state dict",
            ) from error
        return model

    def _tokenizer(self) -> Any:
        from hashbench.backbones.openclip_import import open_clip

        source = self.config.tokenizer
        try:
            if Path(source).is_dir() and source:  # files beside the weights
                text = model_config(self.name)["text_cfg"]
                return open_clip().tokenizer.HFTokenizer(
                    source,
                    context_length=text.get("context_length", 77),
                    tokenizer_mode=text.get("tokenizer_mode"),
                    **text.get("tokenizer_kwargs", {}),
                )
            return open_clip().get_tokenizer(self.name)
        except Exception as error:  # the hub's client raises many kinds
            raise InputError(
                f"the tokenizer {source} of {self.name} cannot be had ({type(error).__name__})",
                where="--backbone",
                remedy=f"put its files (tokenizer_config.json, tokenizer.json) beside the weights "
                f"and name these with --pretrained {self.tag or 'TAG'}=FILE",
            ) from error


def names() -> list[str]:
    """All valid backbone names. Reads the names of open_clip's configs without importing it."""
    folder = model_configs()
    configs = [] if folder is None else sorted(path.stem for path in folder.glob("*.json"))
    return [BUILTIN, *SCRATCH, *configs]


def check_name(name: str, *, where: object = "--backbone") -> None:
    """Raises UnknownNameError with the nearest name."""
    if name not in (known := names()):
        raise UnknownNameError("backbone", name, known, where=where)


def check_named(spec: BackboneSpec) -> None:
    """Whether a spec names a backbone and weights as it should, without loading a library: a tag
    is taken for granted. Raises UnknownNameError or InputError.
    """
    check_name(spec.name)
    own = {BUILTIN: "has its own weights"} | dict.fromkeys(SCRATCH, "is trained by the run itself")
    if spec.name in own:
        if spec.pretrained:
            raise InputError(f"{spec.name} {own[spec.name]}", where="--pretrained")
        return
    if not spec.pretrained:
        raise InputError(
            f"{spec.name} needs weights",
            where="--pretrained",
            remedy="a tag of open_clip, such as openai, or a weights file",
        )
    require_tokenizer(spec.name)
    file = Path(spec.pretrained.rpartition("=")[2]).expanduser()
    if file.suffix in SUFFIXES and not file.is_file():
        raise InputError(f"there is no weights file {file}", where="--pretrained")


def resolve(spec: BackboneSpec, data_dir: Path) -> BackboneSource:
    """The backbone of a spec, its weights located and hashed.

    Raises UnknownNameError for the name or tag, InputError where weights cannot be had, with the
    place where a file is looked for, and for a model that cannot be served right.
    """
    check_named(spec)
    if spec.name in SCRATCH:  # its weights are yet to be trained
        tag, weights, weights_hash = "", Path(), ""
    elif spec.name == BUILTIN:
        tag, weights, weights_hash = "", BUILTIN_WEIGHTS, _hash(BUILTIN_WEIGHTS)
    else:
        tag, weights = _weights(spec, data_dir)
        weights_hash = _hash(weights)
    return BackboneSource(
        spec.name, weights, weights_hash, spec.feature_precision, tag, spec.encode_precision
    )


def _weights(spec: BackboneSpec, data_dir: Path) -> tuple[str, Path]:
    """(tag or "", file) of what `--pretrained` names: a file, a tag, or tag=file.

    The tag of a file in the folder of weights may be one that open_clip does not know.
    """
    as_file = Path(spec.pretrained).expanduser()
    if as_file.is_file():
        return "", as_file
    tag, equals, file = spec.pretrained.partition("=")
    if equals:
        _check_tag(spec.name, tag)
        path = Path(file).expanduser()
        if not path.is_file():
            raise InputError(f"there is no weights file {path}", where="--pretrained")
        return tag, path
    folder = data_dir / "weights"
    stem = f"{spec.name}-{spec.pretrained}".replace("/", "_")
    for suffix in SUFFIXES:
        if (folder / f"{stem}{suffix}").is_file():
            return spec.pretrained, folder / f"{stem}{suffix}"
    if as_file.suffix in SUFFIXES or as_file.is_absolute():
        raise InputError(f"there is no weights file {as_file}", where="--pretrained")
    return spec.pretrained, _download(spec, folder, stem)


def _check_tag(name: str, tag: str) -> None:
    """Raises UnknownNameError for a tag that open_clip does not know for the model."""
    from hashbench.backbones.openclip_import import open_clip

    if tag not in (tags := open_clip().list_pretrained_tags_by_model(name)):
        raise UnknownNameError(f"weights of {name}", tag, tags, where="--pretrained")


def _download(spec: BackboneSpec, folder: Path, stem: str) -> Path:
    from hashbench.backbones.openclip_import import open_clip

    library = open_clip()
    _check_tag(spec.name, spec.pretrained)
    _detect_offline()
    try:
        config = library.get_pretrained_cfg(spec.name, spec.pretrained)
        return Path(library.download_pretrained(config, cache_dir=str(folder)))
    except Exception as error:  # whatever the network stack raises, the remedy is the same
        raise InputError(
            f"the weights {spec.pretrained} of {spec.name} cannot be fetched "
            f"({type(error).__name__})",
            where="--pretrained",
            remedy=f"put the file at {folder / (stem + '.safetensors')} (or .pt), "
            f"or name a file with --pretrained {spec.pretrained}=FILE",
        ) from error


def _detect_offline() -> None:
    """Tells the model hub's client when the hub cannot be reached: it would retry for minutes.

    Weights that it fetched earlier are used all the same. Behind a proxy there is no telling.
    """
    from huggingface_hub import constants

    if getproxies():
        return
    host = urlparse(constants.ENDPOINT).hostname or ""
    try:
        socket.create_connection((host, 443), timeout=HUB_SECONDS).close()
    except OSError:
        constants.HF_HUB_OFFLINE = True


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
