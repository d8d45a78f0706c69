"""Where studies are: the packaged ones, plug-ins, those of a person's folder, and any file."""

from __future__ import annotations

import os
from pathlib import Path

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan import plugins
from hashbench.studies.study import Study, read

PACKAGED = Path(__file__).parent / "library"
VARIABLE = "HASHBENCH_STUDIES"
"""Names a folder with studies of one's own; they come before packaged ones of the same name."""


def files() -> dict[str, Path]:
    """The files of all known studies by name. Raises InputError for a folder that is not there."""
    folders = [PACKAGED]
    if own := os.environ.get(VARIABLE):
        if not Path(own).is_dir():
            raise InputError(
                "is no folder", where=f"{VARIABLE}={own}", remedy="a folder of studies, NAME.toml"
            )
        folders.append(Path(own))
    of_folders = {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}
    return plugins.healthy(plugins.STUDIES) | of_folders


def left_out() -> list[str]:
    """The plug-ins that cannot be used, each with the reason, in a sentence."""
    return plugins.left_out(plugins.STUDIES, {path.stem for path in PACKAGED.glob("*.toml")})


def studies() -> list[Study]:
    """All known studies. Raises InputError for a damaged file in a person's folder."""
    return [read(path) for path in files().values()]


def find(name: str) -> Study:
    """The study of that name, or in that file.

    Raises UnknownNameError with the nearest name, InputError for a file that holds no study.
    """
    if name.endswith(".toml"):
        return read(Path(name))
    known = files()
    if name not in known:
        raise UnknownNameError("study", name, known, where="hashbench study")
    return read(known[name])
