"""From a backbone's name to its identity (cheap, no torch) and to the model (when needed).

`picturebook-clip` ships with the package. Every other name is a model of open_clip, with weights
from a file or from one of open_clip's tags.
"""

from __future__ import annotations

import hashlib
import importlib.util
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import getproxies

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.spec import BackboneSpec

if TYPE_CHECKING:
    import torch

    from hashbench.backbones.clip import ClipBackbone

BUILTIN = "picturebook-clip"
BUILTIN_WEIGHTS = Path(__file__).with_name("picturebook_clip.safetensors")
HUB_SECONDS = 5.0
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class BackboneSource:
    """A backbone that is known to be there. `key` names model, weights and transform.

    `precision` is that of the stored features, fp32 or fp16.
    """

    name: str
    weights: Path
    weights_hash: str
    precision: str = "fp32"

    @property
    def key(self) -> str:
        return f"{self.name}-{self.weights_hash}"

    def load(self, device: torch.device) -> ClipBackbone:
        """The model on `device`. Raises InputError where the weights do not fit the model."""
        from hashbench.backbones.clip import ClipBackbone

        if self.name == BUILTIN:
            from hashbench.backbones import picturebook_clip

            return ClipBackbone(picturebook_clip.build(), device)
        from hashbench.backbones.openclip_import import open_clip

        try:
            model = open_clip().create_model(self.name, pretrained=str(self.weights))
        except Exception as error:  # whatever a foreign file makes of the loaders: it is the file
            what = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"the weights do not load into {self.name}: {what}",
                where=self.weights,
                remedy="weights of this very model, as safetensors or a state dict",
            ) from error
        return ClipBackbone(model, device)


def names() -> list[str]:
    """All valid backbone names. Reads the names of open_clip's configs without importing it."""
    found = importlib.util.find_spec("open_clip")
    configs: list[str] = []
    if found is not None and found.submodule_search_locations:
        folder = Path(found.submodule_search_locations[0]) / "model_configs"
        configs = sorted(path.stem for path in folder.glob("*.json"))
    return [BUILTIN, *configs]


def check_name(name: str, *, where: object = "--backbone") -> None:
    """Raises UnknownNameError with the nearest name."""
    if name not in (known := names()):
        raise UnknownNameError("backbone", name, known, where=where)


def resolve(spec: BackboneSpec, data_dir: Path) -> BackboneSource:
    """The backbone of a spec, its weights found and hashed.

    Raises UnknownNameError for the name, InputError where weights cannot be had, with the place
    where a file is looked for.
    """
    check_name(spec.name)
    if spec.name == BUILTIN:
        if spec.pretrained:
            raise InputError(f"{BUILTIN} has its own weights", where="--pretrained")
        return BackboneSource(
            spec.name, BUILTIN_WEIGHTS, _hash(BUILTIN_WEIGHTS), spec.feature_precision
        )
    if not spec.pretrained:
        raise InputError(
            f"{spec.name} needs weights",
            where="--pretrained",
            remedy="a tag of open_clip, such as openai, or a weights file",
        )
    weights = _weights(spec, data_dir)
    return BackboneSource(spec.name, weights, _hash(weights), spec.feature_precision)


def _weights(spec: BackboneSpec, data_dir: Path) -> Path:
    as_file = Path(spec.pretrained).expanduser()
    if as_file.is_file():
        return as_file
    folder = data_dir / "weights"
    stem = f"{spec.name}-{spec.pretrained}".replace("/", "_")
    for suffix in SUFFIXES:
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    if as_file.suffix in SUFFIXES or as_file.is_absolute():
        raise InputError("there is no such weights file", where=spec.pretrained)
    return _download(spec, folder, stem)


def _download(spec: BackboneSpec, folder: Path, stem: str) -> Path:
    from hashbench.backbones.openclip_import import open_clip

    library = open_clip()
    tags = library.list_pretrained_tags_by_model(spec.name)
    if spec.pretrained not in tags:
        raise UnknownNameError(
            f"weights of {spec.name}", spec.pretrained, tags, where="--pretrained"
        )
    _look_for_the_hub()
    try:
        config = library.get_pretrained_cfg(spec.name, spec.pretrained)
        return Path(library.download_pretrained(config, cache_dir=str(folder)))
    except Exception as error:  # whatever the network stack raises, the remedy is the same
        raise InputError(
            f"the weights {spec.pretrained} of {spec.name} cannot be fetched "
            f"({type(error).__name__})",
            where="--pretrained",
            remedy=f"put the file at {folder / (stem + '.safetensors')} (or .pt), "
            "or name a file with --pretrained FILE",
        ) from error


def _look_for_the_hub() -> None:
    """Where the model hub cannot be reached, says so to its client, which else tries for minutes;
    weights that it fetched earlier are still found. Behind a proxy nobody can tell in advance.
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
