"""The checks of what a person names: a built-in thing, a plug-in, or the file of one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hashbench.errors import InputError
from hashbench.metrics import catalog as metric_catalog
from hashbench.plan import catalog, plugins
from hashbench.testing.verdict import Checks


def method_checks(what: str | Path, folder: Path, data_dir: Path) -> Checks:
    """The checks of a method. Raises UnknownNameError, or InputError for a broken plug-in."""
    from hashbench.testing.method_checks import MethodChecks

    name = _name_of(what, "method", catalog.built_in_methods())
    return MethodChecks(name, folder, data_dir)


def dataset_checks(what: str | Path, folder: Path, data_dir: Path) -> Checks:
    """The checks of a dataset, as `method_checks`."""
    from hashbench.testing.dataset_checks import DatasetChecks

    name = _name_of(what, "dataset", catalog.built_in_datasets())
    return DatasetChecks(name, folder, data_dir)


def metric_checks(what: str | Path) -> Checks:
    """The checks of a metric, as `method_checks`."""
    from hashbench.testing.metric_checks import MetricChecks

    return MetricChecks(_name_of(what, "metric", metric_catalog.built_in_measures()))


def _name_of(what: str | Path, kind: str, built_in: Iterable[str]) -> str:
    """The name; that of a file, whose folder becomes the first one of plug-ins."""
    path = Path(what)
    if path.suffix != plugins.SUFFIX:
        return str(what)
    if not path.is_file():
        raise InputError("does not exist", where=path, remedy=f"the name of a {kind}, or a file")
    if path.stem.lower() in (name.lower() for name in built_in):
        raise InputError(
            f"the built-in {kind} of this name would be used instead",
            where=path,
            remedy="another name, of the file and in its card",
        )
    folder = path.absolute().parent
    others = [other for other in plugins.folders() if other != folder]
    plugins.use_folders([folder, *others])
    return path.stem
