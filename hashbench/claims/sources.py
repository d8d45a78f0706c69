"""Where claims are: runs in a folder, or bundles of runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hashbench.claims.unpack import SUFFIX, unpacked
from hashbench.errors import InputError
from hashbench.runs.layout import RunFolder, pick


@dataclass(frozen=True)
class Claim:
    """A run that claims something, and what its bundle's list shows to be changed."""

    run: RunFolder
    listed: tuple[str, ...] = ()


@contextlib.contextmanager
def claims(wanted: Sequence[str], runs_dir: Path) -> Iterator[list[Claim]]:
    """The runs that are named: by ids, folders, or bundles (.tar), which are open for as long.

    Raises InputError for no name, and as `pick` and `unpacked` do.
    """
    if not wanted:
        raise InputError(
            "names no run",
            where="RUN",
            remedy="an id, `last`, or a bundle; `hashbench ls` lists runs",
        )
    with contextlib.ExitStack() as stack:
        found: dict[Path, Claim] = {}
        for name in wanted:
            path = Path(name)
            if path.suffix == SUFFIX:
                bundle = stack.enter_context(unpacked(path))
                for run in bundle.runs:
                    found[run.path] = Claim(run, bundle.problems[run.id])
            elif (path / "spec.toml").is_file():
                found[path.resolve()] = Claim(RunFolder(path.resolve()))
            else:
                run = pick(runs_dir, name)
                found[run.path.resolve()] = Claim(run)
        yield list(found.values())
