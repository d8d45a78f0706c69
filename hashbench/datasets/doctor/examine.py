"""The whole examination of a dataset."""

from __future__ import annotations

from pathlib import Path

from hashbench.datasets.doctor.findings import Finding, Level, Report
from hashbench.datasets.doctor.labels import check_labels
from hashbench.datasets.doctor.pictures import (
    Progress,
    check_duplicates,
    check_pictures,
    check_presence,
)
from hashbench.datasets.doctor.splitting import check_splits, fitting_splits, split_in_file
from hashbench.datasets.doctor.target import find_target
from hashbench.datasets.doctor.texts import check_texts
from hashbench.datasets.statistics import TokenCounter
from hashbench.errors import HashbenchError
from hashbench.files.paths import cache_note, cache_root
from hashbench.plan import catalog


def examine(
    what: str,
    data_dir: Path,
    *,
    pictures: bool = True,
    workers: int = 4,
    split_file: Path | None = None,
    count_tokens: TokenCounter | None = None,
    progress: Progress | None = None,
) -> Report:
    """Everything that can be said about the dataset `what`, a name or a path.

    A dataset that cannot be loaded is one finding, not an error. Raises UnknownNameError or
    InputError for what is no dataset at all.
    """
    target = find_target(what, data_dir)
    try:
        dataset = target.load()
    except HashbenchError as error:
        place = f"{error.where}: " if error.where else ""
        message = f"{place}{error.problem}"
        return Report(target.name, [Finding("files", Level.PROBLEM, message, error.remedy or "")])
    findings = [Finding("files", Level.NOTE, note) for note in dataset.notes]
    if not findings:
        findings.append(Finding("files", Level.OK, "all files are present and consistent"))
    if (elsewhere := cache_note(data_dir)) is not None:
        findings.append(Finding("cache", Level.NOTE, elsewhere))
    # what is published of a dataset is known by the name that its loader gives it
    card = catalog.find_dataset(dataset.name)
    splits = fitting_splits(dataset, target.card, target.name)
    # the first is the one that a run draws unless another is asked for
    findings += check_labels(dataset, card, splits[0] if splits else None)
    findings += check_texts(dataset, card, count_tokens)
    if split_file is not None:
        split = split_in_file(dataset, split_file)
        if isinstance(split, Finding):
            findings.append(split)
        else:
            splits.append(split)
    if pictures:
        cache = cache_root(data_dir) / "pictures"
        picture_findings, groups = check_pictures(dataset, cache, workers, progress)
        findings += picture_findings
        if groups is not None:
            findings += check_duplicates(dataset, groups, splits)
    else:
        findings += check_presence(dataset)
    findings += check_splits(dataset, splits)
    return Report(
        target.name, findings, len(dataset), list(dataset.class_names), dataset.fingerprint
    )
