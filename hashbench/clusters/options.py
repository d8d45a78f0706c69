"""A scheduler's options, from a small TOML file: NAME.toml for `--on NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.request import read_toml

Options = TypeVar("Options", bound=msgspec.Struct)


def find_file(name: str, runs_dir: Path, chosen: Path | None = None) -> Path | None:
    """The file with the options of the cluster `name`: the chosen one (`--cluster FILE`), else
    NAME.toml in the runs folder, else in the user's folder of settings; None where there is none.

    Raises InputError where the chosen one does not exist.
    """
    if chosen is not None:
        if not chosen.is_file():
            raise InputError(
                "does not exist",
                where=chosen,
                remedy=f"`hashbench guide clusters` shows a {name}.toml",
            )
        return chosen.absolute()
    places = [runs_dir, platformdirs.user_config_path("hashbench")]
    found = (folder / f"{name}.toml" for folder in places)
    return next((path.absolute() for path in found if path.is_file()), None)


def read_options(path: Path | None, kind: type[Options]) -> Options:
    """The options of a file, each key checked; those that are not given are at their defaults.

    Raises DamagedFileError for what is no TOML, UnknownNameError for an unknown key, InputError for
    a value of the wrong type, each naming file and key.
    """
    if path is None:
        return kind()
    raw = read_toml(path)
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    values = {}
    for key, value in raw.items():
        if key not in fields:
            raise UnknownNameError("key", key, fields, where=path)
        try:
            values[key] = msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            raise InputError(
                f"{value!r} cannot be its value: {error}",
                where=f"{path}: {key}",
                remedy="`hashbench guide clusters` shows every key",
            ) from None
    return kind(**values)
