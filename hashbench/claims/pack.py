"""Writing a bundle (`hashbench.claims.bundle_format`)."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Any

import msgspec

from hashbench import __version__
from hashbench.claims.bundle_format import (
    FORMAT,
    LIST,
    MAX_SPLIT,
    RUNS,
    SPLIT,
    BundleList,
    ListedFile,
)
from hashbench.errors import DamagedFileError, InputError
from hashbench.files.atomic import write_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import spec as specs
from hashbench.plan.released_splits import is_file
from hashbench.plan.spec import RunSpec
from hashbench.runs import result as results
from hashbench.runs import seal
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import Result

MODE = 0o644
_OF_THE_MACHINE = ("data folder",)
"""Facts that say where something was, not what it was."""

Content = Path | bytes


@dataclass(frozen=True)
class Packed:
    """What a bundle holds: its file, the runs, the number of files and their bytes."""

    path: Path
    runs: tuple[str, ...]
    files: int
    size: int


def pack(runs: Sequence[RunFolder], path: Path, *, encoder: bool = False) -> Packed:
    """Writes finished runs into a bundle, atomically. The same runs give the same bytes.

    With `encoder` the selected weights are in it, too. Raises InputError for a run that has not
    finished, was changed after scoring, or lacks codes, and for two of one id.
    """
    if not runs:
        raise InputError("names no run", where="RUN", remedy="`hashbench ls` lists runs")
    contents: dict[str, Content] = {}
    for run in runs:
        for name, content in _files(run, encoder=encoder):
            member = f"{RUNS}/{run.id}/{name}"
            if member in contents:
                raise InputError(f"two runs have the id {run.id}", where=run.path)
            contents[member] = content
    listed = {name: _listed(contents[name]) for name in sorted(contents)}
    listing = msgspec.json.format(
        msgspec.json.encode(BundleList(FORMAT, __version__, listed)), indent=1
    )

    def write(stream: IO[bytes]) -> None:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, LIST, listing)
            for name in listed:
                _add(archive, name, contents[name])

    write_atomically(path, write)
    ids = tuple(dict.fromkeys(run.id for run in runs))
    return Packed(path, ids, len(contents) + 1, path.stat().st_size)


def _files(run: RunFolder, *, encoder: bool) -> Iterator[tuple[str, Content]]:
    """The files of a run as a bundle has them."""
    if not run.result.is_file():
        raise InputError("has not finished, so it has no result", where=run.id)
    spec, result = specs.read(run.spec), results.read(run.result)
    if changes := seal.changes(run, spec, result):
        raise InputError(
            f"was changed after scoring: {', '.join(changes)}",
            where=run.id,
            remedy="a bundle of it would not verify: run it anew",
        )
    for bits in result.scores:
        code_file = run.codes / f"{bits}.npz"
        if not code_file.is_file():
            raise InputError(f"its codes of {bits} bits are missing", where=run.id)
        yield f"codes/{bits}.npz", code_file
    shareable = without_paths(spec)
    if encoder:
        yield from _encoder(run, shareable=shareable == spec)
    if is_file(spec.dataset.split):
        yield SPLIT, _split_file(spec)
    yield "spec.toml", specs.to_toml(shareable).encode()
    yield "result.json", results.encoded(_without_place(result, shareable))


def _encoder(run: RunFolder, *, shareable: bool) -> Iterator[tuple[str, Content]]:
    weights = run.checkpoint / "last.safetensors"
    if not weights.is_file():
        raise InputError("has no checkpoint", where=run.id, remedy="leave --encoder out")
    if not shareable:
        raise InputError(
            "its spec holds a path of this machine, and its encoder is bound to that spec",
            where=run.id,
            remedy="leave --encoder out",
        )
    yield "checkpoint/last.safetensors", weights
    if run.labels.is_file():
        yield "labels.npz", run.labels


def _split_file(spec: RunSpec) -> bytes:
    """The split of a person's, by the name that it has without one: that of its file."""
    path = Path(spec.dataset.split)
    if not path.is_file():
        raise InputError("the file of the run's split is not there any more", where=path)
    try:
        content = msgspec.json.decode(
            read_bounded(path, MAX_SPLIT, "a split file"), type=dict[str, Any]
        )
    except msgspec.DecodeError as error:
        raise DamagedFileError(f"is not a split file: {error}", where=path) from None
    return msgspec.json.encode(content | {"name": content.get("name") or path.stem})


def without_paths(spec: RunSpec) -> RunSpec:
    """The spec with the names of files in place of their paths; a split file is in the bundle."""
    split = SPLIT if is_file(spec.dataset.split) else spec.dataset.split
    dataset = msgspec.structs.replace(spec.dataset, split=split, params=_named(spec.dataset.params))
    backbone = msgspec.structs.replace(
        spec.backbone,
        name=_name(spec.backbone.name),
        pretrained="=".join(map(_name, spec.backbone.pretrained.split("="))),
    )
    return msgspec.structs.replace(
        spec,
        dataset=dataset,
        backbone=backbone,
        params=_named(spec.params),
        imported=_name(spec.imported),
    )


def _without_place(result: Result, spec: RunSpec) -> Result:
    facts = {key: value for key, value in result.facts.items() if key not in _OF_THE_MACHINE}
    return msgspec.structs.replace(
        result, spec_hash=spec.hash, facts=_named(facts), split=_named(result.split)
    )


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _name(value) if isinstance(value, str) else value for key, value in values.items()}


def _name(text: str) -> str:
    """The last part of a path that leads somewhere on a machine; any other text as it is."""
    path = PurePath(text)
    return path.name if path.is_absolute() or text.startswith(("~", "../")) else text


def _listed(content: Content) -> ListedFile:
    if isinstance(content, bytes):
        return ListedFile(len(content), hashlib.sha256(content).hexdigest())
    return ListedFile(content.stat().st_size, seal.file_digest(content))


def _add(archive: tarfile.TarFile, name: str, content: Content) -> None:
    entry = tarfile.TarInfo(name)  # no owner, no time: nobody's name, and the same bytes
    entry.mode = MODE
    if isinstance(content, bytes):
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.stat().st_size
    with content.open("rb") as stream:
        archive.addfile(entry, stream)
