"""Presets that a person saved: files of options as `hashbench run --config` reads them, by name.

They lie in `presets` of the folder of settings (HASHBENCH_CONFIG), one TOML file each.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from hashbench.errors import InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.plan.run_options import Request, options

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def folder() -> Path:
    """Where they are; it need not exist."""
    chosen = os.environ.get("HASHBENCH_CONFIG")
    root = Path(chosen) if chosen else platformdirs.user_config_path("hashbench")
    return root / "presets"


def path_of(name: str) -> Path:
    """The file of a preset, which need not exist. Raises InputError for what cannot be a name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no name of a preset",
            remedy="letters, digits, dots, lines and underscores, 64 at most",
        )
    return folder() / f"{name}.toml"


def names() -> list[str]:
    """The saved presets, in the order of the alphabet."""
    with contextlib.suppress(OSError):
        found = [path.stem for path in folder().glob("*.toml") if path.is_file()]
        return sorted(name for name in found if _NAME.fullmatch(name))
    return []


def values_of(asked: Request) -> dict[str, Any]:
    """The options of a request that are not at their defaults, as a file can hold them."""
    values = {}
    for key, option in options().items():
        value = getattr(asked, key)
        if value is not None and option.values(value) != option.values(option.default):
            values[key] = _plain(value)
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def save(name: str, values: Mapping[str, Any]) -> Path:
    """Writes a preset over one of its name. Raises InputError for a name or a folder that cannot
    be used.
    """
    path = path_of(name)
    content = f"# hashbench run --config {name}\n".encode() + msgspec.toml.encode(dict(values))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(path, content)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path) from None
    return path


def delete(name: str) -> None:
    """Removes a preset. Raises InputError where it cannot."""
    path = path_of(name)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be removed: {error.strerror}", where=path) from None


def resolved(given: Path) -> Path:
    """The file that `--config` means: a path, or the name of a saved preset where no file is
    called so.
    """
    text = str(given)
    if not given.exists() and _NAME.fullmatch(text) and path_of(text).is_file():
        return path_of(text)
    return given
