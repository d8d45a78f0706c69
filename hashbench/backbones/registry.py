"""From a backbone's name to its identity (cheap, no torch) and to the model (when needed).

`picturebook-clip` and `photo-clip` are ours and ship with the package
(`hashbench.backbones.own_backbones`); `scratch-resnet18` and `scratch-resnet50` are trained on a
run's own training labels (`hashbench.backbones.scratch`); `lite0+minilm` and `lite0+bow` are two
towers each (`hashbench.backbones.tower_pairs`). Every other name is a model of open_clip, with
weights from one of its tags (`openai`), from a file, or from a file that holds those of a tag
(`openai=FILE`).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.backbones import pretrained_weights, tower_pairs
from hashbench.backbones.own_backbones import OWN, OwnBackbone
from hashbench.backbones.pretrained_config import (
    LEGACY_TRANSFORM,
    SCRATCH,
    PretrainedConfig,
    config_of,
    model_config,
    model_configs,
    require_tokenizer,
    scratch_config,
)
from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import catalog
from hashbench.plan.card import MethodCard
from hashbench.plan.spec import BackboneSpec

if TYPE_CHECKING:
    import torch

    from hashbench.backbones.encoders import Encoders
    from hashbench.backbones.tower_pairs import TowerPair
    from hashbench.datasets.base import Pictures


@dataclass(frozen=True)
class BackboneSource:
    """A backbone and its weights; those of one that the run itself trains are missing at first.

    `tag` is that of open_clip whose weights these are, "" where that is not known. `precision` is
    that of the stored features, fp32 or fp16; `encode_precision` that of the towers, fp32 or bf16.
    `words` is the vocabulary of a bag of words, empty until `with_words` fits it.
    """

    name: str
    weights: Path
    weights_hash: str
    precision: str = "fp32"
    tag: str = ""
    encode_precision: str = "fp32"
    words: tuple[str, ...] = ()

    @property
    def pair(self) -> TowerPair | None:
        """The two towers of one that is made of such, None for others."""
        return tower_pairs.pair(self.name)

    @property
    def own(self) -> OwnBackbone | None:
        """The one of ours that it is, None for others."""
        return OWN.get(self.name)

    @functools.cached_property
    def config(self) -> PretrainedConfig:
        """Activation, tokenizer and preprocessing of the weights."""
        if self.pair is not None:
            return self.pair.config
        if self.own is not None:
            return self.own.config
        if self.name in SCRATCH:
            return scratch_config(self.name)
        return config_of(self.name, self.tag, self.weights)

    @property
    def key(self) -> str:
        """Names all that decides the features of a text."""
        key = f"{self.name}-{self.weights_hash}"
        if self.own is None or not self.own.unversioned:
            key += f"-{self.config.activation}-{self.config.tokenizer or 'bpe'}"
        return key if self.encode_precision == "fp32" else f"{key}-{self.encode_precision}"

    @property
    def fitted_encoders(self) -> str:
        """Encoders of which each run fits a part to its own training items, so that their weights
        differ between seeds and folds that are averaged; empty for all others.
        """
        if self.name not in SCRATCH and not self.words:
            return ""
        return f"{self.name} {self.precision} {self.encode_precision}, fitted by each run"

    def encoding_of(self, pictures: Pictures) -> dict[str, str]:
        """What decides the features of a dataset beside its items and the weights.

        Pictures of an unversioned backbone's own size are not resized, so their features are those
        of earlier versions, and so is this.
        """
        config = self.config
        unversioned = self.own is not None and self.own.unversioned
        if unversioned and getattr(pictures, "size", None) == config.size:
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
        if self.pair is not None:
            return {
                "backbone": self.name,
                "weights": self.weights_hash,
                **self.pair.facts(len(self.words)),
                "encoding": self.encode_precision,
            }
        return {
            "backbone": self.name,
            "weights": f"{self.tag or self.weights.name} {self.weights_hash}",
            **(self.own.facts() if self.own is not None else {}),
            **self.config.facts(),
            "encoding": self.encode_precision,
        }

    def with_words(self, captions: Iterable[str]) -> BackboneSource:
        """The same with the vocabulary of the training captions, where its texts are bags of words.

        Raises InputError where no word is frequent enough.
        """
        if self.pair is None or self.pair.texts is not None:
            return self
        from hashbench.backbones import bag_of_words

        words = bag_of_words.vocabulary(captions, self.pair.min_captions)
        return replace(self, words=words, weights_hash=_joined(self.weights_hash, *words))

    def load(self, device: torch.device) -> Encoders:
        """The model on `device`. Raises InputError where the weights do not fit the model, or its
        tokenizer cannot be loaded.
        """
        from hashbench.backbones.clip import ClipBackbone

        if self.pair is not None:
            from hashbench.backbones import feature_towers

            return feature_towers.load(self.pair, self.words, device, self.encode_precision)
        if self.own is not None:
            return ClipBackbone(self.own.build(), device, precision=self.encode_precision)
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
                f"the tokenizer {source} of {self.name} cannot be loaded ({type(error).__name__})",
                where="--backbone",
                remedy=f"put its files (tokenizer_config.json, tokenizer.json) beside the weights "
                f"and name these with --pretrained {self.tag or 'TAG'}=FILE",
            ) from error


def names() -> list[str]:
    """All valid backbone names. Reads the names of open_clip's configs without importing it."""
    folder = model_configs()
    configs = [] if folder is None else sorted(path.stem for path in folder.glob("*.json"))
    return [*OWN, *SCRATCH, *tower_pairs.NAMES, *configs]


def check_name(name: str, *, where: object = "--backbone") -> None:
    """Raises UnknownNameError with the nearest name."""
    if tower_pairs.pair(name) is None and name not in (known := names()):
        raise UnknownNameError("backbone", name, known, where=where)


def check_joint_space(card: MethodCard, name: str) -> None:
    """Raises InputError where a method compares images with texts as they are, and the towers of
    the backbone were never made to agree. Loads no library.
    """
    if not card.needs_joint_space or (name not in SCRATCH and tower_pairs.pair(name) is None):
        return
    able = [other.name for other in catalog.methods().values() if not other.needs_joint_space]
    raise InputError(
        f"{card.name} compares images with texts in one space, and the towers of {name} have none"
        " in common",
        where="--method",
        remedy=f"a CLIP model as the backbone, or a method on any features: {', '.join(able)}",
    )


def check_named(spec: BackboneSpec) -> None:
    """Whether a spec names a backbone and weights as it should, without loading a library: a tag
    is taken for granted. Raises UnknownNameError or InputError.
    """
    check_name(spec.name)
    packaged = tower_pairs.pair(spec.name) or OWN.get(spec.name)
    if packaged is not None or spec.name in SCRATCH:
        if spec.pretrained:
            what = "has its own weights" if packaged else "is trained by the run itself"
            raise InputError(f"{spec.name} {what}", where="--pretrained")
        if packaged is not None:
            _ = packaged.files  # are they installed?
        return
    if not spec.pretrained:
        raise InputError(
            f"{spec.name} needs weights",
            where="--pretrained",
            remedy="a tag of open_clip, such as openai, or a weights file",
        )
    require_tokenizer(spec.name)
    file = Path(spec.pretrained.rpartition("=")[2]).expanduser()
    if file.suffix in pretrained_weights.SUFFIXES and not file.is_file():
        raise InputError(f"there is no weights file {file}", where="--pretrained")


def resolve(spec: BackboneSpec, data_dir: Path) -> BackboneSource:
    """The backbone of a spec, its weights located and hashed.

    Raises UnknownNameError for the name or tag, InputError where weights cannot be loaded, with the
    place where a file is looked for, and for a model that cannot be served right.
    """
    check_named(spec)
    packaged = tower_pairs.pair(spec.name) or OWN.get(spec.name)
    if packaged is not None:
        tag, weights = "", packaged.files[0]
        hashes = [_hash(path) for path in packaged.files]
        weights_hash = hashes[0] if len(hashes) == 1 else _joined(*hashes)
    elif spec.name in SCRATCH:  # its weights are yet to be trained
        tag, weights, weights_hash = "", Path(), ""
    else:
        tag, weights = pretrained_weights.locate(spec, data_dir)
        weights_hash = _hash(weights)
    return BackboneSource(
        spec.name, weights, weights_hash, spec.feature_precision, tag, spec.encode_precision
    )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _joined(*parts: str) -> str:
    """One digest of several, and of words."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
