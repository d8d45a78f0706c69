"""Plug-ins: methods, datasets, metrics and studies that are no part of this package.

There are two ways in. A package that is installed beside this one names its cards as entry points,
in the groups below. A file holds the card and the code of one method, dataset or metric, and lies
in a folder that `--methods` or HASHBENCH_METHODS names. A plug-in's name is that of its card, of
its entry point and of its file alike, so that only what is asked for is imported.

What is built in wins over a plug-in of the same name. A plug-in that is broken is named, and
disturbs nobody who does not ask for it. Of several folders the first one that has a name wins; two
packages, or a package and a file, of one name are both refused.
"""

from __future__ import annotations

import functools
import importlib
import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hashbench.errors import HashbenchError, InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FOLDERS = "HASHBENCH_METHODS"
"""The environment variable that names folders of one-file plug-ins; `--methods` sets it, so that
every process that is started from here finds the same ones."""

CARD, MEASURE = "CARD", "MEASURE"
"""What a file binds: a card of a method or dataset, or that of a metric."""

SUFFIX = ".py"  # of one-file plug-ins

T = TypeVar("T")


@dataclass(frozen=True)
class Group(Generic[T]):
    """One kind of plug-in: what it is called, the command that lists all of the kind, its group of
    entry points, the type of its card, and the names under which a card is known. `files`: whether
    a Python file may hold it.
    """

    kind: str
    listed_by: str
    entry_points: str
    card_type: type[T]
    attribute: str
    names: Callable[[T], Iterable[str]]
    files: bool = True


@dataclass(frozen=True)
class Found(Generic[T]):
    """A plug-in: its name, where it comes from in words, its file if it is one, and either its card
    or the problem for which there is none.
    """

    name: str
    source: str
    file: Path | None = None
    card: T | None = None
    problem: str = ""

    def require(self, group: Group[T], where: object) -> T:
        """The card. Raises InputError that names the plug-in and its problem."""
        if self.card is None:
            raise InputError(
                f"the {group.kind} {self.name} is a plug-in that is broken ({self.source}): "
                f"{self.problem}",
                where=where,
                remedy=f"mend it or remove it; `{group.listed_by}` lists the others",
            )
        return self.card


STUDIES = Group(
    "study",
    "hashbench study",
    "hashbench.studies",
    Path,
    "STUDY",
    lambda path: (path.stem,),
    files=False,
)
"""Studies are files of no code: an entry point leads to the path of one."""


def folders() -> tuple[Path, ...]:
    """The folders of one-file plug-ins, in their order."""
    return tuple(Path(part) for part in os.environ.get(FOLDERS, "").split(os.pathsep) if part)


def use_folders(chosen: Sequence[Path]) -> None:
    """Makes these the folders of one-file plug-ins of this process and of those that it starts.

    Raises InputError for what is no folder.
    """
    for folder in chosen:
        if not folder.is_dir():
            raise InputError("is no folder", where=f"--methods {folder}", remedy="a folder of .py")
    os.environ[FOLDERS] = os.pathsep.join(str(folder.absolute()) for folder in chosen)


def file_named(name: str, folder: Path) -> Path | None:
    """The file of the plug-in of that name in a folder, whatever it holds."""
    path = folder / f"{name}{SUFFIX}"
    return path if path.is_file() else None


def find(group: Group[T], name: str, within: Sequence[Path] | None = None) -> Found[T] | None:
    """The plug-in of that name, None without one. Only plug-ins of that name are imported, unless
    there is none: cards may have other names, too. Files lie `within` the folders given, or those
    of this process.
    """
    within = folders() if within is None else within
    found = [_package(group, point) for point in _points(group) if point.name == name]
    if group.files:
        files = (file_named(name, folder) for folder in within)
        held = (_file(group, path) for path in files if path is not None)
        found += [one for one in held if one is not None][:1]
    if not found:
        more = (one for one in everything(group, within).values() if one.card is not None)
        return next((one for one in more if name in group.names(_card(one))), None)
    return _one_of(found)


def everything(group: Group[T], within: Sequence[Path] | None = None) -> Mapping[str, Found[T]]:
    """Every plug-in of a kind by name, those that are broken as well."""
    found: dict[str, list[Found[T]]] = {}
    for point in _points(group):
        found.setdefault(point.name, []).append(_package(group, point))
    files: dict[str, Found[T]] = {}
    searched = folders() if within is None else within
    for folder in searched if group.files else ():
        for path in _paths(folder):
            one = _file(group, path)
            if one is not None:
                files.setdefault(one.name, one)
    for name, one in files.items():
        found.setdefault(name, []).append(one)
    return {name: _one_of(same) for name, same in found.items()}


def healthy(group: Group[T]) -> dict[str, T]:
    """The cards of all plug-ins that are not broken, by every name that they have."""
    cards: dict[str, T] = {}
    for one in everything(group).values():
        if one.card is not None:
            for name in group.names(one.card):
                cards.setdefault(name, one.card)
    return cards


def left_out(group: Group[Any], built_in: Iterable[str]) -> list[str]:
    """The plug-ins that cannot be used, each with the reason, in a sentence; and folders that are
    named and not there.
    """
    taken = {name.lower() for name in built_in}
    absent = [folder for folder in folders() if not folder.is_dir()]
    sentences = [f"{folder} ({FOLDERS}): is no folder" for folder in absent]
    for one in everything(group).values():
        problem = one.problem
        if one.name.lower() in taken:
            problem = f"the built-in {group.kind} of this name is used instead"
        if problem:
            sentences.append(f"{one.name} ({one.source}): {problem}")
    return sentences


def load(entry: str) -> Any:
    """The object behind the `entry` of a card, `module:name` or `file.py:name`.

    Raises InputError naming the entry where it cannot be imported.
    """
    module, _, attribute = entry.rpartition(":")
    try:
        if module.endswith(SUFFIX):
            from hashbench.plan import card_file

            return getattr(card_file.import_file(Path(module)), attribute)
        return getattr(importlib.import_module(module), attribute)
    except HashbenchError:
        raise
    except (Exception, SystemExit) as error:
        if module.partition(".")[0] == __name__.partition(".")[0]:
            raise  # a defect of this package, which has to be seen whole
        raise InputError(
            f"the plug-in cannot be imported: {error_words(error)}",
            where=entry,
            remedy="mend it or remove it",
        ) from error


def error_words(error: BaseException) -> str:
    """An error of somebody's code in one line, with the place where it happened."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError in line {error.lineno}: {error.msg}"
    if isinstance(error, HashbenchError):
        return error.problem
    text = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if "importlib" not in frame.filename]
    place = theirs[-1] if theirs else None
    inside = place is not None and Path(place.filename).parent != Path(__file__).parent
    return f"{text} ({Path(place.filename).name}:{place.lineno})" if place and inside else text


def _card(one: Found[T]) -> T:
    assert one.card is not None  # noqa: S101  # those without were left out
    return one.card


def _one_of(same: Sequence[Found[T]]) -> Found[T]:
    """The plug-in, or one that is broken where several have its name."""
    if len(same) == 1:
        return same[0]
    sources = " and ".join(one.source for one in same)
    return Found(same[0].name, sources, problem="several plug-ins have this name")


@functools.cache
def _all_points(entry_points: str) -> tuple[EntryPoint, ...]:
    # here, since importing it takes as long as all else that the help of a command needs
    from importlib import metadata

    return tuple(metadata.entry_points(group=entry_points))


def _points(group: Group[Any]) -> tuple[EntryPoint, ...]:
    return _all_points(group.entry_points)


@functools.cache
def _package(group: Group[T], point: EntryPoint) -> Found[T]:
    """The card that an entry point leads to."""
    package = "" if point.dist is None else f" {point.dist.name} {point.dist.version}"
    source = f"package{package}, {point.value}"
    try:
        card = point.load()
    except (Exception, SystemExit) as error:
        return Found(point.name, source, problem=error_words(error))
    return _checked(group, point.name, source, None, card)


def _paths(folder: Path) -> list[Path]:
    """The files of a folder that are plug-ins: neither tests nor helpers."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.glob(f"*{SUFFIX}"))
        if path.is_file()
        and not path.name.startswith(("_", "test_"))
        and path.name != "conftest.py"
    ]


def _file(group: Group[T], path: Path) -> Found[T] | None:
    """What a file holds for a group; None where it is a plug-in of another kind."""
    status = path.stat()
    return _file_as_it_is(group, path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1024)
def _file_as_it_is(group: Group[T], path: Path, _changed: int, _size: int) -> Found[T] | None:
    from hashbench.plan import card_file  # here, since it imports what few commands need

    name, source = path.stem, str(path)
    try:
        held = card_file.stored_value(path, (CARD, MEASURE))
    except (Exception, SystemExit) as error:
        return Found(name, source, path, problem=error_words(error))
    if held is None:
        problem = f"it binds neither {CARD} nor {MEASURE}"
        return Found(name, source, path, problem=problem)
    attribute, card = held
    if attribute != group.attribute or _is_other_kind(group, card):
        return None
    return _checked(group, name, source, path, card)


def _is_other_kind(group: Group[Any], card: object) -> bool:
    from hashbench.plan.card import DatasetCard, MethodCard

    return isinstance(card, MethodCard | DatasetCard) and not isinstance(card, group.card_type)


def _checked(group: Group[T], name: str, source: str, path: Path | None, card: object) -> Found[T]:
    """The plug-in, broken where its card is of a wrong type or name."""
    problem = ""
    if not isinstance(card, group.card_type):
        wanted, given = group.card_type.__name__, type(card).__name__
        problem = f"its {group.attribute} is a {given}, not a {wanted}"
    elif not any(name.lower() == known.lower() for known in group.names(card)):
        what = "its entry point" if path is None else "its file"
        problem = f"{what} is named {name!r}, and its card {next(iter(group.names(card)), '')!r}"
    if problem:
        return Found(name, source, path, problem=problem)
    return Found(name, source, path, _with_file(card, path))


def _with_file(card: Any, path: Path | None) -> Any:
    """The card, whose entry `:name` is completed by the file that it stands in."""
    import dataclasses

    entry = getattr(card, "entry", "")
    if path is None or not entry.startswith(":"):
        return card
    return dataclasses.replace(card, entry=f"{path.absolute()}{entry}")
