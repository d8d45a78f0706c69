"""Codes of another program as a run: scored like any, and marked as imported."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hashbench.codefiles import native
from hashbench.codefiles.load import RetrievalTask, load_files
from hashbench.codefiles.native import CodeSet, read_code_file, read_codes, write_codes
from hashbench.codefiles.read_options import ReadOptions
from hashbench.datasets import splits
from hashbench.datasets.base import Dataset
from hashbench.datasets.splits import Split
from hashbench.engine.code_items import Matched, match
from hashbench.engine.data import load_dataset, split_of
from hashbench.engine.evaluation import score_length
from hashbench.errors import InputError
from hashbench.files import array_files
from hashbench.files.temporary_folders import temporary_folder
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan.directions import DIRECTIONS, REPORTED, directions_of
from hashbench.plan.spec import NOT_STATED, BackboneSpec, DatasetSpec, RunSpec
from hashbench.runs import events, layout, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import AuditResult, Result
from hashbench.runs.seal import file_digest
from hashbench.runs.writer import EventWriter

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")


@dataclass(frozen=True)
class Statement:
    """What the person who imports codes says of them; hashbench cannot check it."""

    name: str
    seed: int = 0
    method_of: str = ""
    protocol: str = NOT_STATED
    select: str = NOT_STATED
    backbone: str = NOT_STATED


@dataclass(frozen=True)
class Imported:
    """The run that was made, and how its items were recognised."""

    run: RunFolder
    how: str
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]


def import_codes(
    paths: Sequence[Path],
    statement: Statement,
    dataset_spec: DatasetSpec,
    *,
    runs_dir: Path,
    data_dir: Path,
    options: ReadOptions | None = None,
) -> Imported:
    """Makes a finished run of the codes in files, one of several bit lengths where files have such.

    Raises InputError for codes of other items than those of the split, naming the first, and for
    files that do not say which modality asks and which is ranked.
    """
    if not _NAME.fullmatch(statement.name):
        raise InputError(
            f"{statement.name!r} cannot be part of a run's id",
            where="--name",
            remedy="letters, digits, dots, hyphens; say more with --method-of",
        )
    sets = code_sets(paths, options)
    spec = RunSpec(
        method=statement.name,
        bits=tuple(one.bits for one in sets),
        seed=statement.seed,
        protocol=statement.protocol,
        select=statement.select,
        dataset=dataset_spec,
        backbone=BackboneSpec(name=statement.backbone),
        imported=", ".join(path.name for path in paths),
    )
    dataset = load_dataset(dataset_spec, data_dir)
    split = split_of(spec, dataset)
    matched = [match(one, dataset, split) for one in sets]
    now = datetime.datetime.now().astimezone()
    while (runs_dir / spec.run_id(now)).exists():
        now += datetime.timedelta(seconds=1)
    layout.make_runs_dir(runs_dir)
    # half of a row must not stay among the runs, not even where this process is killed
    with temporary_folder(layout.BUILDING, runs_dir) as hidden:
        built = layout.create(hidden, spec, now)
        outcome = _result(built, spec, statement, matched, dataset, split)
        result.write(built.result, outcome)
        _tell(built, outcome)
        run = RunFolder(built.path.rename(runs_dir / built.id))
    return Imported(run, matched[0].how, outcome.scores)


def code_sets(paths: Sequence[Path], options: ReadOptions | None = None) -> list[CodeSet]:
    """The codes of files by length, shortest first, each with all modalities that the files have.

    Raises InputError for files that hold other labels, the same codes twice, or one side alone of
    a modality.
    """
    found: dict[int, CodeSet] = {}
    for path in paths:
        for one in _own_sets(path) or _foreign_sets(path, options or ReadOptions()):
            if one.bits in found:
                raise InputError(f"there are codes of {one.bits} bits twice", where=path)
            found[one.bits] = one
    return [found[bits] for bits in sorted(found)]


def _own_sets(path: Path) -> list[CodeSet]:
    """The codes of hashbench's own files, with their ids; none for the files of others."""
    if path.is_dir():
        inner = path / "codes"
        return read_codes(inner if inner.is_dir() else path)
    return [read_code_file(path)] if native.is_own(list(array_files.contents(path))) else []


def _foreign_sets(path: Path, options: ReadOptions) -> list[CodeSet]:
    tasks = load_files([path], replace(options, every_direction=True))
    if not all(task.direction for task in tasks):
        raise InputError(
            "does not say which modality asks and which is ranked",
            where=path,
            remedy="--direction mm for codes of both together, i2i or t2t for one modality",
        )
    by_bits: dict[int, list[RetrievalTask]] = {}
    for task in tasks:
        by_bits.setdefault(task.query.bits, []).append(task)
    return [_joined(path, bits, group) for bits, group in by_bits.items()]


def _joined(path: Path, bits: int, tasks: Sequence[RetrievalTask]) -> CodeSet:
    """The codes of all directions of a file as one set."""
    query: dict[str, Codes] = {}
    database: dict[str, Codes] = {}
    for task in tasks:
        direction = DIRECTIONS[task.direction]
        query[direction.query] = task.query
        database[direction.database] = task.database
    labels: list[LabelMasks] = []
    for side in ("query", "database"):
        masks: list[LabelMasks] = [getattr(task, f"{side}_labels") for task in tasks]
        if any((one.words != masks[0].words).any() for one in masks):
            raise InputError(f"has other {side} labels for each modality", where=path)
        labels.append(masks[0])
    if query.keys() != database.keys():
        raise InputError(
            f"has queries of {', '.join(query)} and a database of {', '.join(database)}",
            where=path,
            remedy="a row needs the codes of both sides in each modality that it has",
        )
    return CodeSet(bits, query, database, labels[0], labels[1])


def _result(
    run: RunFolder,
    spec: RunSpec,
    statement: Statement,
    matched: Sequence[Matched],
    dataset: Dataset,
    split: Split,
) -> Result:
    """Writes the codes and scores them as those of a trained method."""
    available = directions_of(set(matched[0].codes.query))
    directions = tuple(one for one in REPORTED if one in available) or tuple(available)
    lengths = {}
    for one in matched:
        digest = file_digest(write_codes(run.codes, one.codes))
        lengths[str(one.codes.bits)] = score_length(one.codes, directions, digest)
    whole = splits.fit_all(split, dataset.ids)
    facts = {"imported from": spec.imported, "items matched by": matched[0].how}
    facts |= {"method of": statement.method_of} if statement.method_of else {}
    return Result(
        run=run.id,
        spec_hash=spec.hash,
        protocol=spec.protocol,
        directions=directions,
        split={"name": split.name, "hash": split.hash, "hash_all_fitted": whole.hash}
        | split.sizes(),
        dataset={"name": dataset.name, "fingerprint": dataset.fingerprint, "items": len(dataset)},
        backbone=spec.backbone.name,
        selected={"by": spec.select, "stage": "", "epoch": 0, "score": None},
        scores={bits: length.scores for bits, length in lengths.items()},
        codes={bits: length.facts for bits, length in lengths.items()},
        floors={bits: length.floors for bits, length in lengths.items()},
        without_relevant=next(iter(lengths.values())).without_relevant,
        audit=AuditResult(sample=0, labels=0.0, paired=None, batch=0.0),
        seconds=0.0,
        facts=facts,
        code_digests={bits: length.digest for bits, length in lengths.items()},
    )


def _tell(run: RunFolder, outcome: Result) -> None:
    """The events that lists and the workbench read: the scores, and that the run is over."""
    from hashbench.engine.pipeline import test_scores

    with EventWriter(run.events) as writer:
        for name, value in outcome.facts.items():
            writer.write(events.Fact(name=name, value=value))
        writer.write(
            events.Scores(stage="imported", epoch=0, on="test", values=test_scores(outcome))
        )
        writer.write(events.Finished(seconds=0.0))
