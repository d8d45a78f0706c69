"""Reading a bundle of whoever made it: nothing leaves the folder, nothing grows without a limit."""

from __future__ import annotations

import contextlib
import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hashbench.claims.bundle_format import (
    FORMAT,
    LIST,
    MAX_FILES,
    MAX_LIST,
    RUNS,
    BundleList,
    most_bytes,
)
from hashbench.errors import DamagedFileError, InputError
from hashbench.files.temporary_folders import temporary_folder
from hashbench.runs.layout import RunFolder

CHUNK = 1 << 20
SUFFIX = ".tar"


@dataclass(frozen=True)
class Unpacked:
    """The runs of a bundle in a folder, and by run what its files are not that the list says."""

    runs: tuple[RunFolder, ...]
    problems: dict[str, tuple[str, ...]]


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """The bundle in a temporary folder, for as long as it is needed.

    Raises DamagedFileError for what is no bundle: links, devices, names that lead elsewhere, files
    that no bundle has, twice or beyond their limits, an archive that is cut. Files that are not
    those of the list are problems to be told, since they may hold what was edited.
    """
    if not path.is_file():
        raise InputError("does not exist" if not path.exists() else "is not a file", where=path)
    with temporary_folder("hashbench-bundle-") as root:
        try:
            found = _extract(path, root)
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise DamagedFileError(f"is not a whole bundle: {error}", where=path) from None
        yield _checked(path, root, found)


def _extract(path: Path, root: Path) -> dict[str, str]:
    """Writes the files below `root`; returns name -> SHA-256."""
    found: dict[str, str] = {}
    left = path.stat().st_size  # an uncompressed archive holds no more than it is
    with tarfile.open(path, mode="r:") as archive:
        for number, member in enumerate(archive, 1):
            most = most_bytes(member.name)
            left -= member.size
            if number > MAX_FILES:
                problem = f"holds more than {MAX_FILES:,} files"
            elif member.type != tarfile.REGTYPE or member.issparse():
                problem = f"{_shown(member.name)} is no plain file, but a link or something else"
            elif most is None:
                problem = f"{_shown(member.name)} is no file that a bundle holds"
            elif member.name in found:
                problem = f"{_shown(member.name)} is there twice"
            elif member.size > most or left < 0:
                problem = f"{_shown(member.name)} is too large: {member.size:,} bytes"
            else:
                found[member.name] = _write(archive, member, root / member.name)
                continue
            raise DamagedFileError(
                problem, where=path, remedy="no such file is read; do not use it"
            )
    return found


def _shown(name: str) -> str:
    return repr(name[:100])


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> str:
    """Copies a file and returns its SHA-256. Raises EOFError where the archive ends before it."""
    digest = hashlib.sha256()
    left = member.size
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = archive.extractfile(member)
    with path.open("xb") as out:
        while left and stream is not None:
            block = stream.read(min(CHUNK, left))
            if not block:
                raise EOFError(f"it ends within {member.name}")
            digest.update(block)
            out.write(block)
            left -= len(block)
    return digest.hexdigest()


def _checked(path: Path, root: Path, found: dict[str, str]) -> Unpacked:
    if LIST not in found:
        raise DamagedFileError(
            f"has no {LIST}, so it is no bundle", where=path, remedy="`hashbench bundle` makes one"
        )
    content = (root / LIST).read_bytes()[:MAX_LIST]
    try:
        listed = msgspec.json.decode(content, type=BundleList)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(f"{LIST} is no list of files: {error}", where=path) from None
    if listed.format != FORMAT:
        raise DamagedFileError(
            f"is a bundle of format {listed.format}; this version reads format {FORMAT}", where=path
        )
    for name in listed.files:
        if name == LIST or most_bytes(name) is None:  # it could lead out of the folder
            raise DamagedFileError(f"its list names {_shown(name)}", where=path)
    names = sorted(({*found} - {LIST}) | {*listed.files})
    problems: dict[str, list[str]] = {}
    for name in names:
        run, _, file = name.removeprefix(f"{RUNS}/").partition("/")
        own = problems.setdefault(run, [])
        if name not in found:
            own.append(f"{file} is missing")
        elif name not in listed.files:
            own.append(f"{file} is not on the list of the bundle")
        elif listed.files[name].sha256 != found[name]:
            own.append(f"{file} is not the file that was bundled")
    if not problems:
        raise DamagedFileError("holds no run", where=path)
    runs = tuple(RunFolder(root / RUNS / run) for run in problems)
    return Unpacked(runs, {run: tuple(own) for run, own in problems.items()})
