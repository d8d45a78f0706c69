"""What lies where in a run folder, and how run folders are made and found."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path

from hashbench.errors import InputError, UnknownNameError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.temporary_folders import temporary_folder
from hashbench.plan import plugins
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import plugin_folders

BUILDING = ".new-"  # begins the name of a folder that is being filled
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; its name is the run's id."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def spec(self) -> Path:
        return self.path / "spec.toml"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def plugins(self) -> Path:
        """The folders of its one-file plug-ins: see `hashbench.runs.plugin_folders`."""
        return self.path / "plugins.json"

    @property
    def kept_plugins(self) -> Path:
        """The one-file plug-ins of the run as they were when it was made, a folder of them."""
        return self.path / "plugins"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def labels(self) -> Path:
        """What training saw of the labels: see `hashbench.datasets.masks.VisibleLabels`."""
        return self.path / "labels.npz"

    @property
    def codes(self) -> Path:
        return self.path / "codes"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def lock(self) -> Path:
        return self.path / "worker.lock"

    @property
    def control_request(self) -> Path:
        """The pending control request to the worker: a file with one word, see `runs.control`."""
        return self.path / "control"


def create(runs_dir: Path, spec: RunSpec, now: datetime.datetime) -> RunFolder:
    """A new run folder that holds its spec, and where its one-file plug-ins lie; a folder without a
    spec is never visible.

    Raises InputError when the folder cannot be written.
    """
    name = spec.run_id(now)
    make_runs_dir(runs_dir)
    try:
        with temporary_folder(BUILDING, runs_dir) as building:
            made = RunFolder(building)
            write_bytes_atomically(made.spec, specs.to_toml(spec).encode())
            plugin_folders.write(made, plugins.folders())
            plugin_folders.keep(made, spec)
            for attempt in range(1, 1000):
                folder = runs_dir / (name if attempt == 1 else f"{name}-{attempt}")
                # rename onto an empty folder would succeed: take the name with mkdir first
                try:
                    folder.mkdir()
                except FileExistsError:
                    continue
                # the spec comes last: it makes the folder a run
                for path in sorted(building.iterdir(), key=lambda path: path == made.spec):
                    path.rename(folder / path.name)
                return RunFolder(folder)
    except OSError as error:
        raise _cannot_make(runs_dir, error) from None
    raise InputError(f"a thousand runs are named {name}", where=runs_dir)


def make_runs_dir(runs_dir: Path) -> None:
    """Makes the folder of runs if it is missing. Raises InputError when it cannot be made."""
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_make(runs_dir, error) from None


def _cannot_make(runs_dir: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot make a run folder: {error.strerror}",
        where=runs_dir,
        remedy="another --runs-dir, or make this one writable",
    )


def find(runs_dir: Path) -> list[RunFolder]:
    """All run folders, oldest first; a folder is one when it holds a spec. Links, which lead
    elsewhere, are none.
    """
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError),
        os.scandir(runs_dir) as entries,
    ):
        names = sorted(
            entry.name for entry in entries if _ID.fullmatch(entry.name) and not entry.is_symlink()
        )
        parent = os.fspath(runs_dir)
        # strings, since this is asked every few seconds for thousands of folders
        present = (name for name in names if os.path.isfile(f"{parent}/{name}/spec.toml"))  # noqa: PTH113
        return [RunFolder(runs_dir / name) for name in present]
    return []


def pick(runs_dir: Path, wanted: str) -> RunFolder:
    """The run that `wanted` names: an id, the unambiguous beginning or end of one, a path, `last`.

    Raises UnknownNameError or InputError.
    """
    as_path = Path(wanted)
    if os.sep in wanted and (as_path / "spec.toml").is_file():
        return RunFolder(as_path.resolve())
    folders = find(runs_dir)
    if wanted == "last" and folders:
        return folders[-1]
    for matches in (
        [folder for folder in folders if folder.id == wanted],
        [folder for folder in folders if folder.id.startswith(wanted)],
        [folder for folder in folders if folder.id.endswith(wanted)],
    ):
        if len(matches) == 1:
            return matches[0]
        if len(matches) > 1:
            shown = ", ".join(folder.id for folder in matches[:5])
            raise InputError(
                f"{wanted!r} fits the ids of {len(matches)} runs",
                where=runs_dir,
                remedy=f"write more of the id: {shown}",
            )
    raise UnknownNameError("run", wanted, [folder.id for folder in folders][::-1], where=runs_dir)
