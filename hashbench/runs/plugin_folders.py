"""A run's one-file plug-ins: where they lie (`plugins.json` in its folder), and a copy of each.

The folders are written where the run is made, and again where it is resumed from other ones. A
worker takes them from there, so that it finds the same plug-ins whatever started it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import catalog, plugins
from hashbench.plan.plugins import Group
from hashbench.plan.spec import RunSpec

if TYPE_CHECKING:
    from hashbench.runs.layout import RunFolder

MAX_BYTES = 1 << 16


class PluginFolders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    folders: tuple[str, ...]


def write(run: RunFolder, folders: Sequence[Path]) -> None:
    """Notes the folders; without any there is no file. Raises InputError for a name that no file of
    text can hold.
    """
    if not folders:
        return
    noted = PluginFolders(tuple(str(folder.absolute()) for folder in folders))
    try:
        content = msgspec.json.encode(noted)
    except UnicodeEncodeError:
        raise InputError(
            "a folder of plug-ins has a name that is not UTF-8, which a run cannot note",
            where=f"--methods or {plugins.FOLDERS}",
            remedy="rename the folder",
        ) from None
    write_bytes_atomically(run.plugins, content, make_folder=False)


def keep(run: RunFolder, spec: RunSpec) -> None:
    """Copies the files of a new run, for the day when they have changed."""
    for group, name, began in _parts(spec):
        found = plugins.find(group, name) if began else None
        if found is not None and found.file is not None:
            run.kept_plugins.mkdir(exist_ok=True)
            write_bytes_atomically(run.kept_plugins / found.file.name, found.file.read_bytes())


def read(run: RunFolder) -> tuple[Path, ...]:
    """The folders that were noted. Raises DamagedFileError."""
    try:
        content = read_bounded(run.plugins, MAX_BYTES, "a list of folders")
        noted = msgspec.json.decode(content, type=PluginFolders)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=run.plugins) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(
            f"is not a list of folders: {error}",
            where=run.plugins,
            remedy="delete it, and name the folder: --methods DIR",
        ) from None
    return tuple(Path(folder) for folder in noted.folders)


def use(run: RunFolder) -> None:
    """Makes the run's folders those of this process; without any noted, they stay as they are."""
    if noted := read(run):
        present = [folder for folder in noted if folder.is_dir()]
        plugins.use_folders(present)


def require_plugins(run: RunFolder, spec: RunSpec) -> None:
    """Looks, before a worker is started, whether it will find the very files that the run began
    with: in the folders of this process, or in those that the run noted, in which case nothing need
    be said of them. Raises InputError where a plug-in is missing or has changed.
    """
    here, noted = plugins.folders(), read(run)
    for folders in dict.fromkeys((here or noted, noted, (*here, *noted))):
        if not _problem(spec, folders):
            if folders != noted:
                write(run, folders)
            return
    require_same_files(run, spec, here or noted)


def require_same_files(
    run: RunFolder, spec: RunSpec, folders: Sequence[Path] | None = None
) -> None:
    """Raises InputError where the files of a run are not in the folders, or have changed there."""
    if problem := _problem(spec, plugins.folders() if folders is None else folders):
        raise InputError(
            problem,
            where=run.id,
            remedy="start the run anew, or go on with the file as it was: hashbench resume "
            f"{run.id} --methods {shlex.quote(str(run.kept_plugins))}",
        )


def _parts(spec: RunSpec) -> tuple[tuple[Group[Any], str, str], ...]:
    """(group, name, hash) of what may be a file; the hash is empty for what is none."""
    return (
        (catalog.METHODS, spec.method, spec.file_hash),
        (catalog.DATASETS, spec.dataset.name, spec.dataset.file_hash),
    )


def _problem(spec: RunSpec, folders: Sequence[Path]) -> str:
    """What has become of the files of a spec, as these folders have them; "" if nothing."""
    for group, name, began in _parts(spec):
        if not began:
            continue
        from hashbench.plan import card_file  # here, since it imports what few commands need

        found = plugins.find(group, name, folders)
        if found is None or found.file is None:
            return f"the file of its {group.kind} {name} is in none of the folders of plug-ins"
        if card_file.content_hash(found.file) != began:
            return f"{found.file}, the file of its {group.kind}, has changed since the run began"
    return ""
