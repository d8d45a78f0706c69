"""Whether the inputs of runs are there, looked at before anything starts: datasets and weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashbench.backbones import registry
from hashbench.datasets.availability import missing
from hashbench.errors import InputError
from hashbench.plan import catalog
from hashbench.plan.spec import BackboneSpec, RunSpec


def check_inputs(specs: Sequence[RunSpec], data_dir: Path, *, fetch: bool) -> None:
    """Raises InputError naming the option whose dataset or weights are not there.

    With `fetch`, weights that only a tag names are fetched and kept for the runs; without it no
    library is loaded, and a tag is taken for granted.
    """
    for name in dict.fromkeys(spec.dataset.name for spec in specs):
        problem = missing(catalog.dataset(name, data_dir, where="--dataset"), data_dir, name)
        if problem is not None:
            raise InputError(problem, where="--dataset")
    for backbone in dict.fromkeys(spec.backbone for spec in specs):
        if fetch:
            registry.resolve(backbone, data_dir)
        else:
            _check_names(backbone)


def _check_names(backbone: BackboneSpec) -> None:
    registry.check_name(backbone.name)
    builtin = backbone.name == registry.BUILTIN
    if builtin and backbone.pretrained:
        raise InputError(f"{backbone.name} has its own weights", where="--pretrained")
    if not builtin and not backbone.pretrained:
        raise InputError(
            f"{backbone.name} needs weights",
            where="--pretrained",
            remedy="a tag of open_clip, such as openai, or a weights file",
        )
    file = Path(backbone.pretrained).expanduser()
    if file.suffix in registry.SUFFIXES and not file.is_file():
        raise InputError(f"there is no weights file {file}", where="--pretrained")
