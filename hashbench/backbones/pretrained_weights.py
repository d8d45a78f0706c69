"""Where the weights of a model of open_clip lie: a file, a tag's file, or the hub."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import getproxies

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.spec import BackboneSpec

HUB_SECONDS = 5.0
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


def locate(spec: BackboneSpec, data_dir: Path) -> tuple[str, Path]:
    """(tag or "", file) of what `--pretrained` names: a file, a tag, or tag=file.

    The tag of a file in the folder of weights may be one that open_clip does not know. Weights that
    only a tag names are fetched. Raises UnknownNameError for the tag, InputError.
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
