"""Checks the inputs of runs before anything starts: datasets, weights, and what methods ask of
backbones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashbench.backbones import registry
from hashbench.datasets.availability import missing
from hashbench.errors import InputError
from hashbench.plan import catalog
from hashbench.plan.preset import BUILT_IN, PAPER
from hashbench.plan.spec import RunSpec


def check_inputs(specs: Sequence[RunSpec], data_dir: Path, *, fetch: bool) -> None:
    """Raises InputError naming the option whose dataset or weights are missing, or whose method
    cannot work on the backbone.

    With `fetch`, weights that only a tag names are fetched and kept for the runs; without it no
    library is loaded, and a tag is taken for granted.
    """
    for name in dict.fromkeys(spec.dataset.name for spec in specs):
        problem = missing(catalog.dataset(name, data_dir, where="--dataset"), data_dir, name)
        if problem is not None:
            raise InputError(problem, where="--dataset")
    for spec in specs:
        # a set of features was made by other encoders: its widths are checked when it is read
        if not catalog.dataset(spec.dataset.name, data_dir).features_only:
            registry.check_joint_space(catalog.method(spec.method), spec.backbone.name)
    _check_folds(specs, data_dir)
    for backbone in dict.fromkeys(spec.backbone for spec in specs):
        try:
            if fetch:
                registry.resolve(backbone, data_dir)
            else:
                registry.check_named(backbone)
        except InputError as error:
            if any(spec.backbone == backbone and _of_the_paper(spec) for spec in specs):
                error.remedy = f"{error.remedy}; or --preset {BUILT_IN}"
            raise


def _check_folds(specs: Sequence[RunSpec], data_dir: Path) -> None:
    """Raises InputError where folds are asked of a set of features that has test items of its own,
    which its file alone tells.
    """
    for part in {spec.dataset.name: spec.dataset for spec in specs if spec.dataset.folds}.values():
        card = catalog.dataset(part.name, data_dir)
        if card.features_only:
            from hashbench.datasets import splits  # numpy, which the workbench starts without

            splits.require_dividable(catalog.load(card.entry)(data_dir, part.params))


def _of_the_paper(spec: RunSpec) -> bool:
    """Whether the backbone is that of the paper's preset, and not one that was asked for."""
    paper = catalog.method(spec.method).paper_preset
    if spec.preset != PAPER or paper is None:
        return False
    given = paper.option_values("")
    return (spec.backbone.name, spec.backbone.pretrained) == (
        given.get("backbone"),
        given.get("pretrained"),
    )
